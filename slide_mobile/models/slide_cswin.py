"""Slide-CSWin, and its baseline CSWin.

Papers: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2107.00652 (CSWin). Origin
of names, shapes and defaults: microsoft/CSWin-Transformer @f111ae2 (MIT), models/cswin.py. The
state dict has the keys of that code, and for the slide attention those of
LeapLabTHU/Slide-Transformer. This is new code for inference: feature maps are (B, H, W, C), and
there is no dropout.

The code of Slide-CSWin was not published. Slide attention in stages 1 and 2 with k = 3 reproduces
the paper's Small. It has 6.855 G multiply-adds with CSWin's positional encoding (LePE) in the slide
blocks and 6.848 G without it; the paper's plot shows 6.86 G. So the blocks keep LePE, and
`lepe=False` removes it. Base has 0.03 G more than the paper either way. No published depths give
the 4.14 G of the paper's Tiny, which only a plot shows: here it has the depths of CSWin-T, which
give 4.35 G.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from torch import nn

from slide_mobile.models.layers.backbone import (
    Backbone,
    Block,
    ConvEmbed,
    Mlp,
    StageParts,
    init_linears,
)
from slide_mobile.models.layers.cross_windows import CrossWindowBlock
from slide_mobile.models.layers.slide_attention import LocalAttention, SlideAttention
from slide_mobile.models.registry import declare

__all__ = ["CSWinTransformer", "Merge"]


class ImageEmbed(ConvEmbed):
    """Overlapping patches of an image, then a LayerNorm; the names are those of the official code.

    There the parts are numbered, and part 1 turns the map into tokens.
    """

    CONVS: ClassVar[tuple[str, ...]] = ("0",)
    NORM: ClassVar[str] = "2"

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.add_module("0", nn.Conv2d(3, dim, 7, stride=4, padding=2))
        self.add_module("2", nn.LayerNorm(dim))


class Merge(ConvEmbed):
    """Overlapping patches of a map, then a LayerNorm."""

    CONVS: ClassVar[tuple[str, ...]] = ("conv",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, 2 * dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(2 * dim)


class CSWinTransformer(Backbone):
    """CSWin with local attention in its first `slide_stages` stages.

    `splits` is the width of the stripes in each stage; the last stage attends to the whole map.
    Raises UsageError for an input size that the strides do not divide.
    """

    def __init__(
        self,
        *,
        input_size: tuple[int, int] = (224, 224),
        num_classes: int = 1000,
        embed_dim: int = 64,
        depths: Sequence[int] = (2, 4, 32, 2),
        num_heads: Sequence[int] = (2, 4, 8, 16),
        splits: Sequence[int] = (1, 2, 7, 7),
        mlp_ratio: float = 4.0,
        slide_stages: int = 2,
        lepe: bool = True,
        local_attention: Callable[..., LocalAttention] = SlideAttention,
    ) -> None:
        super().__init__(input_size, num_classes, smallest=1)
        self.stage1_conv_embed = ImageEmbed(embed_dim)
        for i, depth in enumerate(depths):
            dim = embed_dim * 2**i
            blocks: list[nn.Module] = []
            for _ in range(depth):
                if i < slide_stages:
                    attn = local_attention(dim, num_heads[i], lepe=lepe)
                    blocks.append(Block(dim, attn, Mlp(dim, int(dim * mlp_ratio))))
                else:
                    blocks.append(
                        CrossWindowBlock(
                            dim,
                            num_heads[i],
                            splits[i],
                            map_size=self.map_size(i),
                            mlp_ratio=mlp_ratio,
                            whole=i == len(depths) - 1,
                        )
                    )
            if i > 0:
                setattr(self, f"merge{i}", Merge(dim // 2))
            setattr(self, f"stage{i + 1}", nn.Sequential(*blocks))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linears)

    def stages(self) -> Sequence[StageParts]:
        """Return the parts of the four stages."""
        embeds = ("stage1_conv_embed", "merge1", "merge2", "merge3")
        return [StageParts(embed=e, blocks=f"stage{i}") for i, e in enumerate(embeds, 1)]


_TINY = {"embed_dim": 64, "depths": (1, 2, 21, 1), "num_heads": (2, 4, 8, 16)}
_SMALL = {"embed_dim": 64, "depths": (2, 4, 32, 2), "num_heads": (2, 4, 8, 16)}
_BASE = {"embed_dim": 96, "depths": (2, 4, 32, 2), "num_heads": (4, 8, 16, 32)}
_TEST = {
    "embed_dim": 16,
    "depths": (1, 1, 2, 1),
    "num_heads": (2, 2, 4, 4),
    "splits": (1, 2, 2, 2),
    "mlp_ratio": 2.0,
}

_LEPE = (
    "whether slide blocks keep CSWin's positional encoding is not published: here they do; "
    "lepe=False removes it and saves 0.007 to 0.011 G"
)
_DEPTHS = (
    "the paper's plot shows 4.14 G, but no published depths give it: here it has CSWin-T's depths"
)

_slide = partial(declare, family="slide_cswin", network=CSWinTransformer, notes=(_LEPE,))

# Figures from the paper's table of classification results; Tiny is read off its plot.
_slide(
    "slide_cswin_tiny",
    config=_TINY,
    preset="paper",
    paper=(None, 4.14, 83.2),
    notes=(_LEPE, _DEPTHS),
)
_slide("slide_cswin_small", config=_SMALL, preset="paper", paper=(35.0, 6.9, 84.0))
_slide("slide_cswin_base", config=_BASE, preset="paper", paper=(78.0, 15.0, 84.7))
# Figures from table 3 of the CSWin paper.
declare(
    "cswin_small",
    "cswin",
    CSWinTransformer,
    _SMALL,
    "baseline",
    slide_stages=0,
    paper=(35.0, 6.9, 83.6),
)
_slide("slide_cswin_test", config=_TEST, preset="test", input_size=(64, 96), num_classes=5)
