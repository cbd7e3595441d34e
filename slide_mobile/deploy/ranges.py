"""The largest values inside a deploy form, and the headroom that its stages need for fp16.

fp16 ends at 65504, and values over half of that are dangerous: other images may give larger ones.
`scale_stream` makes smaller what is in the residual stream, in the squares that norms sum, and in
what an embedding gives to its norm. Other large values remain.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from slide_mobile.deploy.centre_norms import CentredAffine, TokenScale
from slide_mobile.deploy.fold_affine import writers
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.deploy.scale_stream import Headroom, blocks_of
from slide_mobile.models.layers.backbone import Backbone, StageParts

BIG = 2.0**15
# Values that are made smaller end at a quarter of BIG. A sum of squares then overflows for a
# stream 2.8 times as large as the one that was measured.
WANTED = 2.0**13
_LARGEST = 2.0**100  # stands for infinity

Peaks = Mapping[nn.Module, float]  # the largest |value| that a module computes in its own code


class _Recorder(TorchDispatchMode):
    """Keeps the largest |value| of all operations, by the module that runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[nn.Module] = []
        self.found: dict[nn.Module, float] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run one operation of torch, and look at its result."""
        result = function(*args, **(kwargs or {}))
        if function.is_view:  # the values of another operation, perhaps of another module
            return result
        if isinstance(result, Tensor) and result.is_floating_point() and self.running:
            largest = torch.nan_to_num(result.abs().max(), nan=_LARGEST, posinf=_LARGEST).item()
            module = self.running[-1]
            self.found[module] = max(self.found.get(module, 0.0), largest)
        return result

    @contextmanager
    def watching(self, root: nn.Module) -> Iterator[None]:
        """Know which module of `root` is running, inside the block."""

        def enter(module: nn.Module, _: object) -> None:
            self.running.append(module)

        def leave(*_: object) -> None:
            self.running.pop()

        handles = [module.register_forward_pre_hook(enter) for module in root.modules()]
        handles += [module.register_forward_hook(leave) for module in root.modules()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@torch.no_grad()
def peaks(deployed: nn.Module, images: Iterable[Tensor]) -> Peaks:
    """Run a deploy form on images, (1, 3, H, W) in 0..255, and return the peak of each module."""
    recorder = _Recorder()
    with recorder.watching(deployed), recorder:
        for image in images:
            deployed(image)
    return recorder.found


def headroom(deployed: Backbone, found: Peaks) -> Headroom:
    """Return the headroom that the stages of a deploy form need; it is channels last."""
    parts = deployed.stages()
    embeds = [deployed.get_submodule(part.embed) for part in parts]
    return Headroom(
        stream=tuple(
            _bits(found, *_of_stream(deployed, part, embed, after))
            for part, embed, after in zip(parts, embeds, (*embeds[1:], None), strict=True)
        ),
        embed=tuple(
            _bits(found, embed.convs(), _energies([embed.last_norm()]))
            if isinstance(embed, MapEmbed)
            else 0
            for embed in embeds
        ),
    )


def _of_stream(
    deployed: Backbone, part: StageParts, embed: nn.Module, after: nn.Module | None
) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the modules whose values grow with a stage's stream, and those with its square."""
    blocks = blocks_of(deployed.get_submodule(part.blocks))
    linear = [*_writers(embed), *blocks, *(w for block in blocks for w in writers(block))]
    square = _energies(norm for block in blocks for norm in (block.norm1, block.norm2))
    if isinstance(after, MergePatches):
        linear.append(after.conv)
        square += [after.total, after.between]
    last = deployed.NORM if after is None and deployed.head is not None else part.norm
    if last is not None:
        square += _energies([deployed.get_submodule(last)])
    return linear, square


def _writers(embed: nn.Module) -> list[nn.Module]:
    """Return the modules of an embedding that write the stream."""
    if isinstance(embed, MergePatches):
        return [embed.affine]
    assert isinstance(embed, MapEmbed)
    norm = embed.last_norm()
    assert isinstance(norm, CentredAffine)
    return [embed, norm.affine]


def _energies(norms: Iterable[nn.Module]) -> list[nn.Module]:
    """Return the modules in these norms that sum squares."""
    return [norm.energy for norm in norms if isinstance(norm, TokenScale | CentredAffine)]


def _bits(found: Peaks, linear: Iterable[nn.Module], square: Iterable[nn.Module]) -> int:
    """Return by how many bits to make values smaller, so that none of these modules passes BIG."""
    largest = max((found.get(module, 0.0) for module in linear), default=0.0)
    squares = max((found.get(module, 0.0) for module in square), default=0.0)
    bits = math.ceil(math.log2(largest / WANTED)) if largest > BIG else 0
    return max(bits, math.ceil(math.log2(squares / WANTED) / 2) if squares > BIG else 0)
