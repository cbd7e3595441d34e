"""The network that all families share: four stages at strides 4, 8, 16 and 32, and a classifier.

Without its classifier (`without_head`) a network returns the feature maps of its stages.

Feature maps are (B, H, W, C). Each family's file names the parameters, because they have the names
of the family's official checkpoints.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from slide_mobile.errors import UsageError

__all__ = [
    "Attention",
    "Backbone",
    "Block",
    "ConvEmbed",
    "Mlp",
    "NestedBackbone",
    "Stage",
    "StageParts",
    "without_head",
]

STAGES = 4
STRIDE_PX = 32  # stride of the last stage
MAX_MAP = 64  # most tokens per side in the last stage: 2048 pixels, more than a phone is given
IMAGE_CHANNELS = 3


class Attention(nn.Module):
    """An attention layer: it mixes the tokens of a feature map."""

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.k and attention.v on an H x W map; no weight shows them."""
        raise NotImplementedError


class Mlp(nn.Module):
    """A multilayer perceptron: linear, exact GELU, linear."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block: attention, then an MLP, each with a residual connection.

    `layer_scale` multiplies both branches by learned per-channel factors (gamma1, gamma2) with this
    initial value (CaiT, arXiv:2103.17239).
    """

    attn: nn.Module
    gamma1: nn.Parameter | None
    gamma2: nn.Parameter | None

    def __init__(
        self,
        dim: int,
        attn: nn.Module | None,
        mlp: nn.Module,
        *,
        eps: float = 1e-5,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps)
        if attn is not None:  # CSwin's block holds the parts of its attention itself
            self.attn = attn
        self.norm2 = nn.LayerNorm(dim, eps)
        self.mlp = mlp
        for name in ("gamma1", "gamma2"):
            gamma = None if layer_scale is None else nn.Parameter(torch.full((dim,), layer_scale))
            self.register_parameter(name, gamma)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        mixed = self.mix(self.norm1(x))
        x = x + (mixed if self.gamma1 is None else self.gamma1 * mixed)
        added = self.mlp(self.norm2(x))
        return x + (added if self.gamma2 is None else self.gamma2 * added)

    def mix(self, x: Tensor) -> Tensor:
        """Apply the attention to the normalized map."""
        return self.attn(x)


class ConvEmbed(nn.Module):
    """The embedding at the start of a stage: strided convolutions, then a LayerNorm.

    `CONVS` and `NORM` are the family's names for these parts. The embedding of the first stage
    takes an image, (B, 3, H, W); later ones take the map of the previous stage, (B, H, W, C).
    """

    CONVS: ClassVar[tuple[str, ...]] = ("proj",)
    NORM: ClassVar[str] = "norm"

    def convs(self) -> Sequence[nn.Conv2d]:
        """Return the convolutions in the order in which they run."""
        found = [self.get_submodule(name) for name in self.CONVS]
        return [conv for conv in found if isinstance(conv, nn.Conv2d)]

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) or (B, H, W, C) -> (B, H / stride, W / stride, C')."""
        convs = self.convs()
        if convs[0].in_channels != IMAGE_CHANNELS:
            x = x.permute(0, 3, 1, 2)
        for conv in convs:
            x = conv(x)
        return self.get_submodule(self.NORM)(x.permute(0, 2, 3, 1))


class Stage(nn.Module):
    """Blocks at one resolution, then the embedding of the next stage (none in the last stage)."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W, C) -> the map (B, H, W, C), and the next stage's input (B, H/2, W/2, 2C)."""
        for block in self.blocks:
            x = block(x)
        return x, x if self.downsample is None else self.downsample(x)


class MapMean(nn.Module):
    """Mean over the positions of a feature map."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, C)."""
        return x.mean((1, 2))


@dataclass(frozen=True, kw_only=True)
class StageParts:
    """Paths of a stage's parts in the backbone.

    `norm` is the LayerNorm after the stage's blocks, None in families that have no such norm.
    """

    embed: str
    blocks: str
    norm: str | None = None


class Backbone(nn.Module):
    """A network that maps normalized images to logits, or without its head to feature maps.

    `NORM` is the path of the norm before the classifier. `outputs` holds one module per stage,
    which is applied to the stage's map where it is an output; by default the identity.
    """

    NORM: ClassVar[str] = "norm"

    head: nn.Linear | None

    def __init__(self, input_size: tuple[int, int], num_classes: int, *, smallest: int) -> None:
        """`smallest` is the smallest number of tokens per side that the last stage supports.

        Raises UsageError for an input size that the strides do not divide.
        """
        super().__init__()
        self.input_size, self.num_classes = input_size, num_classes
        self.pool: nn.Module = MapMean()
        self.outputs = nn.ModuleList(nn.Identity() for _ in range(STAGES))
        if any(s % STRIDE_PX or not smallest <= s // STRIDE_PX <= MAX_MAP for s in input_size):
            tokens = (min(max(smallest, round(s / STRIDE_PX)), MAX_MAP) for s in input_size)
            nearest = "x".join(str(n * STRIDE_PX) for n in tokens)
            raise UsageError(
                f"input size {input_size[0]}x{input_size[1]} does not fit: sides are multiples of "
                f"{STRIDE_PX}, {smallest * STRIDE_PX} to {MAX_MAP * STRIDE_PX}; the nearest is "
                f"{nearest}"
            )

    def map_size(self, stage: int) -> tuple[int, int]:
        """Return the height and width of a stage's map in tokens; stages count from 0."""
        height, width = self.input_size
        return height // 4 >> stage, width // 4 >> stage

    def stages(self) -> Sequence[StageParts]:
        """Return the parts of the four stages, in the order in which they run."""
        raise NotImplementedError

    def classifier(self) -> tuple[str, ...]:
        """Name the parts that only the logits need: the head, and the norm if no stage has it."""
        of_stages = any(part.norm == self.NORM for part in self.stages())
        return ("head",) if of_stages else ("head", self.NORM)

    def stage_maps(self, image: Tensor) -> Iterator[Tensor]:
        """(B, 3, H, W) -> the map of each stage, (B, H / s, W / s, C), for strides s = 4 to 32.

        The stage's norm is applied, if it has one.
        """
        x = image
        for part in self.stages():
            x = self.get_submodule(part.blocks)(self.get_submodule(part.embed)(x))
            x = x if part.norm is None else self.get_submodule(part.norm)(x)
            yield x

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) -> four maps (B, H / s, W / s, C), the input of heads for other tasks."""
        maps = zip(self.outputs, self.stage_maps(image), strict=True)
        return tuple(output(x) for output, x in maps)

    def classify(self, x: Tensor) -> Tensor:
        """The last map -> (B, num_classes)."""
        assert self.head is not None
        # In channels-first form the head is a convolution, and its result has two axes of length 1.
        return self.head(self.pool(self.get_submodule(self.NORM)(x))).flatten(1)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(B, 3, H, W), normalized -> (B, num_classes), or `features` if there is no head."""
        if self.head is None:
            return self.features(image)
        *_, last = self.stage_maps(image)
        return self.classify(last)


class NestedBackbone(Backbone):
    """A Backbone whose parts are `Stage` modules, each with the embedding of the next stage.

    `LEVELS` is the name of their list; `patch_embed` is the embedding of the first stage.
    """

    LEVELS: ClassVar[str]

    def stages(self) -> Sequence[StageParts]:
        """Return the parts of the four stages."""
        paths = [f"{self.LEVELS}.{i}" for i in range(STAGES)]
        embeds = ("patch_embed", *(f"{path}.downsample" for path in paths[:-1]))
        return [
            StageParts(embed=embed, blocks=f"{path}.blocks")
            for embed, path in zip(embeds, paths, strict=True)
        ]

    def stage_maps(self, image: Tensor) -> Iterator[Tensor]:
        """(B, 3, H, W) -> the map (B, H, W, C) of each stage."""
        x = self.get_submodule("patch_embed")(image)
        for i in range(STAGES):
            found, x = self.get_submodule(f"{self.LEVELS}.{i}")(x)
            yield found


def without_head(model: nn.Module) -> Backbone:
    """Return a copy of a Backbone without its classifier and the norm that only it reads."""
    assert isinstance(model, Backbone)
    model = copy.deepcopy(model)
    for part in model.classifier():
        setattr(model, part, None)
    return model


def init_linears(module: nn.Module) -> None:
    """Initialize a linear as all families do; other modules are left alone."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
