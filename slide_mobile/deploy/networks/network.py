"""A network of the user with named outputs, and the image normalization in front of it."""

import dataclasses
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from slide_mobile.errors import UsageError
from slide_mobile.preprocess import Normalization
from slide_mobile.tasks import Layout

OUTPUT = "output"  # the name of a single output; those of a tuple are output1, output2, ...
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")  # what every format takes as the name of a tensor
# Names that the files use for something else.
_TAKEN = frozenset({"image", "input", "classLabel", "classLabel_probs", "probabilities"})
MOST_RANK = 4


class Network(nn.Module):
    """Runs a network behind `pixels`, and gives its outputs as a tuple; maps are in `layout`."""

    def __init__(self, net: nn.Module, pixels: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.pixels, self.net, self.layout = pixels, net, layout

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) -> the outputs in order; a map (B, C, H, W) is turned to the layout."""
        return tuple(self.turned(x) for x in named(self.net(self.pixels(image))).values())

    def own_path(self, path: str) -> str:
        """A module's path as the user's network has it; the network itself is "."."""
        return path.removeprefix("net").removeprefix(".") or "."

    def turned(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in the layout; outputs of another rank as they are."""
        return x.permute(0, 2, 3, 1) if x.ndim == MOST_RANK and self.layout == "NHWC" else x


def named(found: object) -> dict[str, Tensor]:
    """Name what a network returns: a tensor, or a tuple, mapping or dataclass of tensors.

    Other values are left out, such as None. Raises UsageError if no tensor is left.
    """
    if isinstance(found, Tensor):
        return {OUTPUT: found}
    outputs = {name: x for name, x in _entries(found) if isinstance(x, Tensor)}
    if not outputs:
        raise UsageError(
            f"the network returns {type(found).__name__} without a tensor in it: return a tensor, "
            "or a tuple, dict or dataclass of tensors"
        )
    return outputs


def require_outputs(found: Mapping[str, Tensor]) -> None:
    """Raise UsageError for an output that a file cannot have."""
    for name, x in found.items():
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise UsageError(
                f"an output is named {name!r}: give it another name, of letters, digits and _"
            )
        if not x.is_floating_point():
            raise UsageError(
                f"output {name} is of {x.dtype}: return the floats that it is made from"
            )
        if not 1 <= x.ndim <= MOST_RANK or x.shape[0] != 1 or not x.numel():
            raise UsageError(
                f"output {name} has the shape {tuple(x.shape)}: return 1 to {MOST_RANK} axes, the "
                "first for the batch, which is 1"
            )


def _entries(found: object) -> Iterator[tuple[str, object]]:
    """Names and values of a mapping, a dataclass, a named tuple, a tuple or a list."""
    if isinstance(found, Mapping):
        yield from ((str(name), x) for name, x in found.items())
    elif dataclasses.is_dataclass(found):
        yield from ((f.name, getattr(found, f.name)) for f in dataclasses.fields(found))
    elif isinstance(found, tuple | list):
        usual = [f"{OUTPUT}{i}" for i in range(1, len(found) + 1)]
        yield from zip(getattr(found, "_fields", usual), found, strict=True)


def scaled_pixels(by: Normalization) -> nn.Module:
    """RGB in 0..255 -> what the network takes, as a depthwise 1x1 convolution.

    Delegates keep the layout of a map through a convolution, but not always through a product.
    """
    mean, std = (torch.tensor(x, dtype=torch.float64) for x in (by.mean, by.std))
    conv = nn.Conv2d(3, 3, 1, groups=3)
    conv.weight = nn.Parameter((1 / (255 * std)).float().reshape(3, 1, 1, 1))
    conv.bias = nn.Parameter((-mean / std).float())
    return conv
