"""What a family leaves open, read off a file: how it classifies, where it slides, what it keeps.

Each reader answers with an option of the family's network and a note, or with nothing where the
file agrees with the registered model or does not say clearly; what is unclear is left to the
comparison of shapes, which refuses it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from slide_mobile.models.layers.backbone import Backbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.slide_cswin import CSWinTransformer
from slide_mobile.models.slide_pvt import PyramidVisionTransformer

__all__ = ["listed", "read_off"]

Shapes = Mapping[str, tuple[int, ...]]
Found = tuple[dict[str, Any], str] | None


def read_off(model: nn.Module, found: Shapes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options with which to build `model` again for a file of these shapes, and what to say."""
    answers = [answer for reader in READERS if (answer := reader(model, found)) is not None]
    options = {key: value for given, _ in answers for key, value in given.items()}
    return options, tuple(note for _, note in answers)


def listed(items: list[Any]) -> str:
    """As in a sentence: 1, 2 and 3."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def _slide_stages(model: nn.Module, found: Shapes) -> Found:
    """The first stages, and no others; none at all is the parent's file, not a choice."""
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
    """PVT: a class token has a row in front of the last stage's position embeddings."""
    if not isinstance(model, PyramidVisionTransformer):
        return None
    token = "cls_token" in found
    rows = (0, 0, *found.get("pos_embed4", ()))[-2]
    side = math.isqrt(rows)
    if token == model.class_token or rows != side * side + token:
        return None
    by = "the class token, which the file has" if token else "the mean: the file has no class token"
    return {"class_token": token}, f"classified by {by}"


def _positional_encoding(model: nn.Module, found: Shapes) -> Found:
    """CSWin: LePE in every slide block, or in none."""
    if not isinstance(model, CSWinTransformer):
        return None
    usual = {m.get_v is not None for m in model.modules() if isinstance(m, SlideAttention)}
    slides = [key.removesuffix("dep_conv.weight") for key in found if key.endswith(DEP_CONV)]
    kept = {f"{path}get_v.weight" in found for path in slides}
    if len(usual) != 1 or len(kept) != 1 or usual == kept:
        return None
    (lepe,) = kept
    return {"lepe": lepe}, f"slide attention with{'' if lepe else 'out'} LePE, as in the file"


DEP_CONV = ".attn.dep_conv.weight"
READERS: tuple[Callable[[nn.Module, Shapes], Found], ...] = (
    _slide_stages,
    _class_token,
    _positional_encoding,
)
