"""What the shapes of a checkpoint do not show, what is assumed instead, and what changes it.

A wrong assumption gives a model that runs, passes every comparison with its own reference, and is
wrong. So each is written into the manifest of a converted checkpoint, and can be looked up here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from slide_mobile import models
from slide_mobile.errors import UsageError
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.models.slide_cswin import CSWinTransformer
from slide_mobile.models.slide_nat import NeighbourhoodTransformer
from slide_mobile.models.slide_pvt import PyramidVisionTransformer
from slide_mobile.models.slide_pvt_v2 import PyramidVisionTransformerV2
from slide_mobile.models.slide_swin import SwinTransformer

__all__ = ["ASSUMPTIONS", "Assumption", "notes", "options"]


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """One fact that a network needs and its weights do not hold."""

    network: type[nn.Module]
    fact: str  # what the checkpoint does not tell
    assumed: str
    changed_by: str  # the option, or what to do instead
    beyond: bool = False  # only a note at another input size than that of the training


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        network=nn.Module,
        fact="which class each logit stands for",
        assumed="nothing: classes have numbers",
        changed_by="--labels",
    ),
    Assumption(
        network=nn.Module,
        fact="the normalization and the size of its images",
        assumed="what --mean, --std and --input-size say, ImageNet's and the model's by default",
        changed_by="these options",
    ),
    Assumption(
        network=SwinTransformer,
        fact="the shift of the windows, and what happens where a window covers the map",
        assumed="half a window in every second block, and no shift where it covers the map",
        changed_by="no option: all published code but mmdetection's agrees",
    ),
    Assumption(
        network=SwinTransformer,
        fact="the windows at another input size",
        assumed="the same as in the file, on maps padded to whole windows",
        changed_by="--input-size: give the size of the training",
        beyond=True,
    ),
    Assumption(
        network=CSWinTransformer,
        fact="the width of the stripes",
        assumed="1, 2, 7 and the whole map, those of 224x224 (CSWin at 384 has 1, 2, 12)",
        changed_by="--stripes",
    ),
    Assumption(
        network=CSWinTransformer,
        fact="the number of heads",
        assumed="that of the named model",
        changed_by="the name of the model",
    ),
    Assumption(
        network=NeighbourhoodTransformer,
        fact="the dilation of the neighborhoods",
        assumed="none: a DiNAT has the same tensors, and would be computed wrongly",
        changed_by="no option: DiNAT is not supported",
    ),
    Assumption(
        network=PyramidVisionTransformer,
        fact="the number of heads",
        assumed="that of the named model, channels of 64",
        changed_by="the name of the model",
    ),
    Assumption(
        network=PyramidVisionTransformer,
        fact="positions at another input size",
        assumed="those of the file, interpolated as PVT does",
        changed_by="--input-size: give the size of the training",
        beyond=True,
    ),
    Assumption(
        network=PyramidVisionTransformerV2,
        fact="the number of heads",
        assumed="that of the named model, channels of 64",
        changed_by="the name of the model",
    ),
)


def options(name: str, *, stripes: Sequence[int] | None) -> dict[str, Any]:
    """What a user says that no weight shows, as options of `models.create`.

    Raises UnknownName, and UsageError for stripes of a network that has none.
    """
    if stripes is None:
        return {}
    if models.spec(name).network is not CSWinTransformer:
        raise UsageError(f"--stripes is for CSwin, and {name} has no stripes: leave it out")
    return {"splits": (*stripes, stripes[-1])}  # the last stage attends to the whole map


def notes(
    model: nn.Module,
    *,
    input_size: tuple[int, int],
    usual_size: tuple[int, int],
    given: Collection[str] = (),
) -> tuple[str, ...]:
    """The lines for a manifest: one for each assumption that the model rests on.

    `given` are the options by which a user has changed one.
    """
    lines = []
    for one in ASSUMPTIONS:
        if not isinstance(model, one.network) or (one.beyond and input_size == usual_size):
            continue
        if one.changed_by in given:
            continue
        if one.network is SwinTransformer and not _has_windows(model):
            continue
        lines.append(
            f"assumed, because no weight shows it: {one.fact}: {one.assumed} ({one.changed_by})"
        )
    return tuple(lines)


def _has_windows(model: nn.Module) -> bool:
    return any(isinstance(module, WindowAttention) for module in model.modules())
