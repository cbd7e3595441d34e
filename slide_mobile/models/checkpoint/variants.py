"""Read from a file which variant of a family it is: stages with slide attention, token, LePE.

Each reader returns an option of the family's network with a note. It returns None if the file
agrees with the registered model, or if the file is ambiguous; the comparison of shapes then
rejects an ambiguous file.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from slide_mobile.models.layers.backbone import STAGES, Backbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.slide_cswin import CSWinTransformer
from slide_mobile.models.slide_pvt import PyramidVisionTransformer
from slide_mobile.models.slide_swin import SwinTransformer

__all__ = ["listed", "read_off"]

Shapes = Mapping[str, tuple[int, ...]]
Found = tuple[dict[str, Any], str] | None


def read_off(model: nn.Module, found: Shapes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the options with which to rebuild `model` for these shapes, and notes on them."""
    answers = [answer for reader in READERS if (answer := reader(model, found)) is not None]
    options = {key: value for given, _ in answers for key, value in given.items()}
    return options, tuple(note for _, note in answers)


def listed(items: list[Any]) -> str:
    """Join items as in a sentence: 1, 2 and 3."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def _slide_stages(model: nn.Module, found: Shapes) -> Found:
    """Read how many of the first stages have slide attention.

    A file without any is a checkpoint of the parent, not a variant; one in which a later stage has
    it but an earlier one does not is ambiguous.
    """
    if not isinstance(model, Backbone):
        return None
    attentions = {n for n, m in model.named_modules() if isinstance(m, SlideAttention)}
    paths = [f"{stage.blocks}.0.attn" for stage in model.stages()]
    usual = sum(path in attentions for path in paths)
    slides = [f"{path}.dep_conv.weight" in found for path in paths]
    count = sum(slides)
    if not usual or count in (0, usual) or not all(slides[:count]):
        return None
    stages = f"stage{'s' * (count > 1)} {listed(list(range(1, count + 1)))}"
    return {"slide_stages": count}, f"slide attention in {stages}, as in the file"


def _class_token(model: nn.Module, found: Shapes) -> Found:
    """Read whether a PVT has a class token, which adds a row to the last position embedding."""
    if not isinstance(model, PyramidVisionTransformer):
        return None
    token = "cls_token" in found
    rows = (0, 0, *found.get("pos_embed4", ()))[-2]
    side = math.isqrt(rows)
    if token == model.class_token or rows != side * side + token:
        return None
    if token:
        return {"class_token": True}, "classifies by the class token, which the file has"
    return {"class_token": False}, "classifies by the mean, because the file has no class token"


def _positional_encoding(model: nn.Module, found: Shapes) -> Found:
    """Read whether the slide blocks of a CSWin have LePE; a mixture is ambiguous."""
    if not isinstance(model, CSWinTransformer):
        return None
    usual = {m.get_v is not None for m in model.modules() if isinstance(m, SlideAttention)}
    slides = [key.removesuffix("dep_conv.weight") for key in found if key.endswith(DEP_CONV)]
    kept = {f"{path}get_v.weight" in found for path in slides}
    if len(usual) != 1 or len(kept) != 1 or usual == kept:
        return None
    (lepe,) = kept
    note = f"slide attention with{'' if lepe else 'out'} positional encoding (LePE), as in the file"
    return {"lepe": lepe}, note


def _output_norms(model: nn.Module, found: Shapes) -> Found:
    """Read which stages of a Swin have a norm for their map alone: a detector's backbone."""
    if not isinstance(model, SwinTransformer):
        return None
    stages = tuple(i for i in range(STAGES) if f"outputs.{i}.weight" in found)
    if not stages:
        return None
    numbers = listed([i + 1 for i in stages])
    return {"output_norms": stages}, f"the maps of stages {numbers} are normalized, as in the file"


DEP_CONV = ".attn.dep_conv.weight"
READERS: tuple[Callable[[nn.Module, Shapes], Found], ...] = (
    _slide_stages,
    _class_token,
    _positional_encoding,
    _output_norms,
)
