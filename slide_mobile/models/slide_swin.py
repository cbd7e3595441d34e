"""Slide-Swin, and its baseline Swin.

Papers: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2103.14030 (Swin).
Origin of names, shapes and defaults: LeapLabTHU/Slide-Transformer @6b1e184 and
microsoft/Swin-Transformer @f82860b (both Apache-2.0/MIT). The state dict has the keys of that
code. This is new code for inference: feature maps are (B, H, W, C), and there is no dropout.

Slide-Swin is registered in two variants. `slide_swin_*` has 7x7 windows in stages 3 and 4, which
the paper's figures need (4.57 G multiply-adds for Tiny; the paper prints 4.6 G).
`slide_swin_*_release` is the published yaml: its `window_size: 56` is clamped to the map, which
gives global attention in stages 3 and 4 (4.70 G).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import (
    Block,
    ConvEmbed,
    Mlp,
    NestedBackbone,
    Stage,
    init_linears,
)
from slide_mobile.models.layers.slide_attention import (
    Im2ColAttention,
    LocalAttention,
    SlideAttention,
)
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.models.registry import declare

__all__ = ["PatchEmbed", "PatchMerging", "SwinBlock", "SwinTransformer"]


class SwinBlock(Block):
    """A block that holds the mask of its shifted windows and passes it to its attention."""

    attn_mask: Tensor | None

    def __init__(self, dim: int, attn: nn.Module, mlp_ratio: float = 4.0) -> None:
        super().__init__(dim, attn, Mlp(dim, int(dim * mlp_ratio)))
        # Official checkpoints keep the mask in the block, not in its attention.
        self.register_buffer(
            "attn_mask", attn.mask() if isinstance(attn, WindowAttention) else None
        )

    def mix(self, x: Tensor) -> Tensor:
        """Apply the attention to the normalized map."""
        return self.attn(x) if self.attn_mask is None else self.attn(x, self.attn_mask)


class PatchMerging(nn.Module):
    """Concatenate each 2x2 neighborhood to 4C channels, normalize, and reduce to 2C channels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H / 2, W / 2, 2C)."""
        quads = [x[:, dy::2, dx::2] for dx in (0, 1) for dy in (0, 1)]
        return self.reduction(self.norm(torch.cat(quads, -1)))


class PatchEmbed(ConvEmbed):
    """4x4 patches of a normalized image, then a LayerNorm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(dim)


class SwinTransformer(NestedBackbone):
    """Swin with local attention in its first `slide_stages` stages.

    `windows` is the side of the attention windows, one number for all stages or one per stage. A
    window that is not smaller than the map is clamped to the map's shorter side and not shifted.
    The maps of the stages in `output_norms`, from 0, are normalized where they are outputs, as
    detectors are trained. Raises UsageError for an input size that the strides do not divide.
    """

    LEVELS: ClassVar[str] = "layers"

    def __init__(
        self,
        *,
        input_size: tuple[int, int] = (224, 224),
        num_classes: int = 1000,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        windows: int | Sequence[int] = 7,
        mlp_ratio: float = 4.0,
        slide_stages: int = 2,
        local_attention: Callable[..., LocalAttention] = SlideAttention,
        output_norms: Sequence[int] = (),
    ) -> None:
        super().__init__(input_size, num_classes, smallest=2)
        if isinstance(windows, int):
            windows = (windows,) * len(depths)
        self.patch_embed = PatchEmbed(embed_dim)
        stages = []
        for i, depth in enumerate(depths):
            dim, (h, w) = embed_dim * 2**i, self.map_size(i)
            window = min(windows[i], h, w)
            blocks = []
            for j in range(depth):
                if i < slide_stages:
                    attn: nn.Module = local_attention(dim, num_heads[i])
                else:
                    shift = window // 2 if j % 2 and min(h, w) > window else 0
                    attn = WindowAttention(dim, num_heads[i], window, map_size=(h, w), shift=shift)
                blocks.append(SwinBlock(dim, attn, mlp_ratio))
            stages.append(Stage(blocks, PatchMerging(dim) if i < len(depths) - 1 else None))
            if i in output_norms:
                self.outputs[i] = nn.LayerNorm(dim)
        self.layers = nn.ModuleList(stages)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        self.apply(init_linears)


_TINY = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
_SMALL = {"embed_dim": 96, "depths": (2, 2, 18, 2), "num_heads": (3, 6, 12, 24)}
_BASE = {"embed_dim": 128, "depths": (2, 2, 18, 2), "num_heads": (4, 8, 16, 32)}
_DEMO = {
    "embed_dim": 24,
    "depths": (2, 2, 2, 1),
    "num_heads": (1, 2, 4, 8),
    "windows": 4,
    "mlp_ratio": 3.0,
}
_TEST = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (2, 2, 4, 4), "windows": 2}


_WINDOWS = (
    "windows are 7x7, as the paper's figures imply; the published configuration, with larger "
    "windows, is the model whose name ends in _release"
)
_PRINTED = "the paper prints 1.2 to 1.4 M parameters more than its published code builds"
_ROUNDED = "the paper prints 29 M, and so does Swin's own paper, whose code builds 28.3 M"

_slide = partial(declare, family="slide_swin", network=SwinTransformer)
_paper = partial(_slide, preset="paper", notes=(_WINDOWS, _PRINTED))
_release = partial(_slide, preset="release", windows=56)
_swin = partial(declare, family="swin", network=SwinTransformer, preset="baseline", slide_stages=0)
_im2col = partial(_swin, slide_stages=2, local_attention=Im2ColAttention)

# Figures from the paper's table of classification results (params in M, MACs in G, top-1 in %).
_slide("slide_swin_demo", config=_DEMO, preset="demo", input_size=(128, 128), num_classes=12)
_paper("slide_swin_tiny", config=_TINY, paper=(29.0, 4.6, 82.3), notes=(_WINDOWS, _ROUNDED))
_paper("slide_swin_small", config=_SMALL, paper=(51.0, 8.9, 83.7))
_paper("slide_swin_base", config=_BASE, paper=(89.0, 15.5, 84.2))
_release("slide_swin_tiny_release", config=_TINY)
_release("slide_swin_small_release", config=_SMALL)
_release("slide_swin_base_release", config=_BASE)
# Figures from table 1a of the Swin paper.
_swin("swin_tiny", config=_TINY, paper=(29.0, 4.5, 81.3), notes=(_ROUNDED,))
_swin("swin_small", config=_SMALL, paper=(50.0, 8.7, 83.0))
_swin("swin_base", config=_BASE, paper=(88.0, 15.4, 83.5))
# Accuracies from the paper's plot of run times, where it sets Slide-Swin beside these.
_im2col("im2col_swin_tiny", config=_TINY, paper=(None, None, 81.6))
_im2col("im2col_swin_small", config=_SMALL, paper=(None, None, 83.2))
_im2col("im2col_swin_base", config=_BASE, paper=(None, None, 83.5))
_slide("slide_swin_test", config=_TEST, preset="test", input_size=(64, 96), num_classes=5)
