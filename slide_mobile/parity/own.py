"""A network of the user as the reference that its file is compared with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils.flop_counter import FlopCounterMode

from slide_mobile.artifact.own_network import LeftAlone
from slide_mobile.deploy.forms import Forms
from slide_mobile.deploy.networks import Network, Prepared, network, prepare
from slide_mobile.deploy.networks.exporting import exported, high_ranks
from slide_mobile.deploy.scale_stream import NO_HEADROOM, Headroom
from slide_mobile.errors import UsageError
from slide_mobile.models.census import Size
from slide_mobile.models.checkpoint import tensors_sha256
from slide_mobile.parity import metrics
from slide_mobile.parity.reference import Reference, require_finite
from slide_mobile.parity.source import MOST_SIDE
from slide_mobile.preprocess import Normalization
from slide_mobile.tasks import Layout

# What torchvision's ToTensor gives: RGB in 0..1.
UNIT = Normalization(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
FAMILY = "own"


@dataclass(frozen=True, kw_only=True)
class OwnModel:
    """A network of the user, in eval mode, and what it takes.

    `example` is an input (1, 3, H, W), of which only the shape matters. The file takes RGB in
    0..255, and the network gets it normalized by `normalization`, 0..1 by default. `name` is for
    the artifact's folder, and `source` says where the network comes from.
    """

    module: nn.Module
    example: Tensor
    normalization: Normalization = UNIT
    name: str | None = None
    source: str | None = None
    labels: None = None  # what an output means, the network knows

    @property
    def title(self) -> str:
        """The name of the network: letters, digits and _."""
        words = self.name or _snake(type(self.module).__name__)
        return re.sub(r"[^A-Za-z0-9_]+", "_", words).strip("_") or "network"

    @property
    def origin(self) -> str:
        """Where the network comes from: a file and function, or its class."""
        kind = type(self.module)
        return self.source or f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True, kw_only=True)
class OwnReference(Reference):
    """A reference that runs the network of the user itself."""

    own_names: tuple[str, ...]
    source: str

    @property
    def family(self) -> str:
        """Networks of users are a family of their own."""
        return FAMILY

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return self.own_names

    @property
    def size(self) -> Size:
        """Parameters, and the multiply-adds of products, convolutions and attention."""
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            self.model(torch.zeros(1, 3, *self.input_size))
        params = sum(p.numel() for p in self.model.parameters())
        return Size(params=params, macs=counter.get_total_flops() // 2)

    def prepared(self, layout: Layout, forms: Forms, headroom: Headroom = NO_HEADROOM) -> Prepared:
        """Return the network with every rewrite that is proved to apply."""
        assert isinstance(self.model, Network)
        pixels = network.scaled_pixels(self.normalization)
        return prepare(
            Network(self.model.net, pixels, layout),
            self._images(),
            layout=layout,
            forms=forms,
            measure=metrics.sqnr_db,
        )

    def deployed(self, layout: Layout, forms: Forms, headroom: Headroom = NO_HEADROOM) -> nn.Module:
        """Return the network of `prepared`."""
        return self.prepared(layout, forms, headroom).network

    def exported(self, deployed: nn.Module, layout: Layout) -> ExportedProgram:
        """Trace a prepared network, and rewrite its graph."""
        assert isinstance(deployed, Network)
        return exported(deployed, self.input_size, self.own_names, metrics.sqnr_db)

    def left(self, program: ExportedProgram) -> tuple[LeftAlone, ...]:
        """Name the modules of an exported program that have tensors of rank 5 and more."""
        assert isinstance(self.model, Network)
        return tuple(
            LeftAlone(module=self.model.own_path(path), reason=f"tensors of rank {rank}")
            for path, rank in high_ranks(program).items()
        )

    def description(self) -> str:
        """Return the description, one line, for the metadata of the model file."""
        return f"{self.name} (own network); takes RGB in 0..255 and normalises it by itself"

    def default_labels(self) -> tuple[str, ...]:
        """Return no labels: what an output means, its network knows."""
        return ()

    def _images(self) -> Sequence[Tensor]:
        """Two random images, (1, 3, H, W) in 0..255."""
        draw = torch.Generator().manual_seed(0)
        return [torch.rand(1, 3, *self.input_size, generator=draw) * 255 for _ in range(2)]


def load(own: OwnModel) -> OwnReference:
    """Make the reference of a network; raises UsageError for one that cannot be converted."""
    size = _size(own.example)
    if own.module.training:
        raise UsageError("the network is in training mode: call eval() first")
    model = Network(own.module, nn.Identity(), "NHWC")
    with torch.inference_mode():
        outputs = network.named(own.module(_image(size, own.normalization)))
    network.require_outputs(outputs)
    reference = OwnReference(
        name=own.title,
        model=model.eval(),
        task="own",
        num_classes=None,
        input_size=size,
        normalization=own.normalization,
        trained=True,
        checkpoint_sha256=tensors_sha256(own.module.state_dict()),
        notes=(f"the network is the user's own: {own.origin}",),
        batch=1,
        own_names=tuple(outputs),
        source=own.origin,
    )
    require_finite(reference, own.origin)
    return reference


def _image(size: tuple[int, int], by: Normalization) -> Tensor:
    """A gray image as the network takes it, (1, 3, H, W)."""
    mean, std = (torch.tensor(x)[:, None, None] for x in (by.mean, by.std))
    return ((torch.full((3, *size), 0.5) - mean) / std)[None]


def _size(example: Tensor) -> tuple[int, int]:
    """Height and width of an example; raises UsageError."""
    shape = tuple(example.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or not example.is_floating_point():
        raise UsageError(
            f"example is {example.dtype} of {shape}: give floats of (1, 3, H, W), an RGB image as "
            "the network takes it"
        )
    if max(shape) > MOST_SIDE:
        raise UsageError(f"example has {shape[2]}x{shape[3]} pixels; at most {MOST_SIDE} a side")
    return shape[2], shape[3]


def _snake(name: str) -> str:
    """UNet2D -> unet2_d; the name of a class as that of a model."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
