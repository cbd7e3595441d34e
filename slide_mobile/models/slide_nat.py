"""Slide-NAT, and its baseline NAT.

Papers: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2204.07143 (NAT). Origin of
names, shapes and defaults: SHI-Labs/Neighborhood-Attention-Transformer @d334f5b (MIT),
classification/nat.py. The state dict has the keys of that code, and for the slide attention those
of LeapLabTHU/Slide-Transformer. This is new code for inference: feature maps are (B, H, W, C), and
there is no dropout.

The code of Slide-NAT was not published, and the paper's multiply-adds do not show which stages have
slide attention. The paper prints 2.7, 4.3 and 7.8 G. Slide attention in stages 1 and 2, as in the
other families, gives 2.78, 4.38 and 7.90 G; in stage 1 alone it gives 2.74, 4.35 and 7.85 G. The
models use stages 1 and 2, and `slide_stages=1` builds the other variant. Base is not in the paper:
it is NAT-B changed in the same way.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from torch import nn

from slide_mobile.models.layers.backbone import (
    Block,
    ConvEmbed,
    Mlp,
    NestedBackbone,
    Stage,
    init_linears,
)
from slide_mobile.models.layers.neighbourhood import NeighbourhoodAttention
from slide_mobile.models.layers.slide_attention import LocalAttention, SlideAttention
from slide_mobile.models.registry import declare

__all__ = ["NeighbourhoodTransformer"]


class ConvTokenizer(ConvEmbed):
    """Two strided convolutions of an image, then a LayerNorm."""

    CONVS: ClassVar[tuple[str, ...]] = ("proj.0", "proj.1")

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.ModuleList(
            [
                nn.Conv2d(3, dim // 2, 3, stride=2, padding=1),
                nn.Conv2d(dim // 2, dim, 3, stride=2, padding=1),
            ]
        )
        self.norm = nn.LayerNorm(dim)


class ConvDownsampler(ConvEmbed):
    """A strided convolution of a map, then a LayerNorm."""

    CONVS: ClassVar[tuple[str, ...]] = ("reduction",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Conv2d(dim, 2 * dim, 3, stride=2, padding=1, bias=False)
        self.norm = nn.LayerNorm(2 * dim)


class NeighbourhoodTransformer(NestedBackbone):
    """NAT with local attention in its first `slide_stages` stages.

    Raises UsageError for an input size that the strides do not divide, or whose last map is
    smaller than a neighbourhood.
    """

    LEVELS: ClassVar[str] = "levels"

    def __init__(
        self,
        *,
        input_size: tuple[int, int] = (224, 224),
        num_classes: int = 1000,
        embed_dim: int = 64,
        depths: Sequence[int] = (3, 4, 6, 5),
        num_heads: Sequence[int] = (2, 4, 8, 16),
        mlp_ratio: float = 3.0,
        layer_scale: float | None = None,
        neighbourhood: int = 7,
        slide_stages: int = 2,
        local_attention: Callable[..., LocalAttention] = SlideAttention,
    ) -> None:
        super().__init__(input_size, num_classes, smallest=neighbourhood)
        self.patch_embed = ConvTokenizer(embed_dim)
        levels = []
        for i, depth in enumerate(depths):
            dim, size, blocks = embed_dim * 2**i, self.map_size(i), []
            for _ in range(depth):
                if i < slide_stages:
                    attn: nn.Module = local_attention(dim, num_heads[i])
                else:
                    attn = NeighbourhoodAttention(dim, num_heads[i], neighbourhood, map_size=size)
                mlp = Mlp(dim, int(dim * mlp_ratio))
                blocks.append(Block(dim, attn, mlp, layer_scale=layer_scale))
            levels.append(Stage(blocks, ConvDownsampler(dim) if i < len(depths) - 1 else None))
        self.levels = nn.ModuleList(levels)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linears)


_MINI = {"embed_dim": 64, "depths": (3, 4, 6, 5), "num_heads": (2, 4, 8, 16)}
_TINY = {"embed_dim": 64, "depths": (3, 4, 18, 5), "num_heads": (2, 4, 8, 16)}
_SCALED = {"depths": (3, 4, 18, 5), "mlp_ratio": 2.0, "layer_scale": 1e-5}
_SMALL = {**_SCALED, "embed_dim": 96, "num_heads": (3, 6, 12, 24)}
_BASE = {**_SCALED, "embed_dim": 128, "num_heads": (4, 8, 16, 32)}
_TEST = {
    "embed_dim": 16,
    "depths": (1, 1, 2, 1),
    "num_heads": (2, 2, 4, 4),
    "mlp_ratio": 2.0,
    "layer_scale": 0.5,
    "neighbourhood": 3,
}

_STAGES = (
    "which stages have slide attention is not published: here stages 1 and 2; slide_stages=1 "
    "saves 0.03 to 0.06 G"
)
_UNPUBLISHED = "not in the paper: NAT-B, changed in the same way as the other sizes"

_slide = partial(declare, family="slide_nat", network=NeighbourhoodTransformer, notes=(_STAGES,))
_nat = partial(
    declare, family="nat", network=NeighbourhoodTransformer, preset="baseline", slide_stages=0
)

# Figures from the paper's table of classification results; Mini is read off its plot.
_slide("slide_nat_mini", config=_MINI, preset="paper", paper=(None, 2.7, 82.4))
_slide("slide_nat_tiny", config=_TINY, preset="paper", paper=(28.0, 4.3, 83.6))
_slide("slide_nat_small", config=_SMALL, preset="paper", paper=(51.0, 7.8, 84.3))
_slide("slide_nat_base", config=_BASE, preset="paper", notes=(_STAGES, _UNPUBLISHED))
# Figures from table 2 of the NAT paper.
_nat("nat_mini", config=_MINI, paper=(20.0, 2.7, 81.8))
_nat("nat_tiny", config=_TINY, paper=(28.0, 4.3, 83.2))
_slide("slide_nat_test", config=_TEST, preset="test", input_size=(96, 128), num_classes=5)
