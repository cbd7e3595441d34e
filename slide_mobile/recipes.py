"""Numeric formats by name, each with the floors that it must reach."""

from dataclasses import dataclass
from typing import Literal

from slide_mobile.errors import UnknownName

Weights = Literal["float32", "float16", "int8", "palette6", "palette4"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Numeric format of an artifact, and how far it may drift from PyTorch.

    SQNR is 10 * log10(|ref|^2 / |ref - out|^2) over the logits, or over each map:
    `min_sqnr_db` is the floor, `goal_sqnr_db` the goal. `min_top1_agreement` (with PyTorch) and
    `max_top1_drop` (in task accuracy) are shares in 0..1. They gate trained models only, because
    the logits of random weights tie.
    """

    name: str
    weights: Weights
    activations: Literal["float32", "int8", "int8-dynamic"] = "float32"
    min_sqnr_db: float
    goal_sqnr_db: float
    min_top1_agreement: float
    max_top1_drop: float = 0.01

    @property
    def needs_calibration(self) -> bool:
        """Whether activation ranges must be measured on images before the conversion."""
        return self.activations == "int8"


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="fp32",
            weights="float32",
            min_sqnr_db=90,
            goal_sqnr_db=110,
            min_top1_agreement=0.999,
        ),
        Recipe(
            name="fp16",
            weights="float16",
            min_sqnr_db=50,
            goal_sqnr_db=55,
            min_top1_agreement=0.99,
        ),
        Recipe(
            name="int8",
            weights="int8",
            activations="int8",
            min_sqnr_db=20,
            goal_sqnr_db=28,
            min_top1_agreement=0.97,
        ),
        Recipe(
            name="int8-dynamic",
            weights="int8",
            activations="int8-dynamic",
            min_sqnr_db=25,
            goal_sqnr_db=32,
            min_top1_agreement=0.98,
        ),
        Recipe(
            name="int8-weights",
            weights="int8",
            min_sqnr_db=25,
            goal_sqnr_db=32,
            min_top1_agreement=0.98,
        ),
        # Measured: the demo 38.9 and 26.4 dB, slide_swin_tiny with random weights 25.6 and 14.3.
        Recipe(
            name="palette6",
            weights="palette6",
            min_sqnr_db=20,
            goal_sqnr_db=28,
            min_top1_agreement=0.97,
        ),
        Recipe(
            name="palette4",
            weights="palette4",
            min_sqnr_db=10,
            goal_sqnr_db=16,
            min_top1_agreement=0.93,
        ),
    )
}


INT8_MIN_CHANNELS = 16


def is_quantizable(out_channels: int, in_channels: int) -> bool:
    """Whether int8 recipes quantize a dense layer with so many channels, on every target.

    Layers with fewer channels are no faster in int8 with the conversions around them
    (benchmarks/islands.py): the head sums of the attention (C -> heads), and the patch embedding
    with its 3 input channels. In slide_swin_tiny the patch embedding is 0.3 % of the multiply-adds
    and would cause half of the int8 error (31.4 dB alone), because every layer reads its output.
    """
    return min(out_channels, in_channels) >= INT8_MIN_CHANNELS


# What other tools call these formats.
ALIASES = {
    "float32": "fp32", "float16": "fp16", "half": "fp16", "w8a8": "int8", "static-int8": "int8",
    "dynamic-int8": "int8-dynamic", "w8": "int8-weights",
}  # fmt: skip


def lookup(name: str) -> Recipe:
    """Return the recipe with this name or alias, in any case; raises UnknownName."""
    known = ALIASES.get(name.lower(), name.lower())
    if known not in RECIPES:
        raise UnknownName("precision", name, RECIPES)
    return RECIPES[known]
