"""Slide-PVTv2, and its baseline PVTv2.

Papers: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2106.13797 (PVTv2). Origin
of names, shapes and defaults: whai362/PVT @57e2dfa (Apache-2.0), classification/pvt_v2.py. The
state dict has the keys of that code, and for the slide attention those of
LeapLabTHU/Slide-Transformer. This is new code for inference: feature maps are (B, H, W, C), and
there is no dropout.

The code of Slide-PVTv2 was not published. Slide attention in stages 1 and 2 with k = 3 reproduces
the paper's multiply-adds, and its parameters except for B2: the paper prints 22.8 M, the model has
23.6 M, and the paper's detection figures confirm 23.6 M. B5 is not in the paper: it is PVTv2-B5
changed in the same way.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Backbone, Block, ConvEmbed, StageParts, init_linears
from slide_mobile.models.layers.slide_attention import LocalAttention, SlideAttention
from slide_mobile.models.layers.spatial_reduction import EPS, stage_attention
from slide_mobile.models.registry import declare

__all__ = ["ConvMlp", "OverlapPatchEmbed", "PyramidVisionTransformerV2"]


class DepthwiseConv(nn.Module):
    """A 3x3 depthwise convolution of a map."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        return self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ConvMlp(nn.Module):
    """PVTv2's MLP: linear, depthwise convolution, exact GELU, linear."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.dwconv = DepthwiseConv(hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        return self.fc2(self.act(self.dwconv(self.fc1(x))))


class OverlapPatchEmbed(ConvEmbed):
    """Patches that overlap by about half, with zero padding, then a LayerNorm."""

    def __init__(self, in_channels: int, dim: int, patch: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, patch, stride=stride, padding=patch // 2)
        self.norm = nn.LayerNorm(dim)


class PyramidVisionTransformerV2(Backbone):
    """PVTv2 with local attention in its first `slide_stages` stages.

    Raises UsageError for an input size that the strides do not divide.
    """

    NORM: ClassVar[str] = "norm4"

    def __init__(
        self,
        *,
        input_size: tuple[int, int] = (224, 224),
        num_classes: int = 1000,
        dims: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        mlp_ratios: Sequence[int] = (8, 8, 4, 4),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        slide_stages: int = 2,
        local_attention: Callable[..., LocalAttention] = SlideAttention,
    ) -> None:
        super().__init__(input_size, num_classes, smallest=1)
        for i, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
            first = i == 0
            came = 3 if first else dims[i - 1]
            embed = OverlapPatchEmbed(came, dim, *((7, 4) if first else (3, 2)))
            local = local_attention if i < slide_stages else None
            blocks = []
            for _ in range(depth):
                attn = stage_attention(dim, num_heads[i], sr_ratios[i], local)
                blocks.append(Block(dim, attn, ConvMlp(dim, dim * mlp_ratios[i]), eps=EPS))
            setattr(self, f"patch_embed{i + 1}", embed)
            setattr(self, f"block{i + 1}", nn.Sequential(*blocks))
            setattr(self, f"norm{i + 1}", nn.LayerNorm(dim, EPS))
        self.head = nn.Linear(dims[-1], num_classes)
        self.apply(init_linears)

    def stages(self) -> Sequence[StageParts]:
        """Return the parts of the four stages; the last stage's norm is also the classifier's."""
        return [
            StageParts(embed=f"patch_embed{i}", blocks=f"block{i}", norm=f"norm{i}")
            for i in range(1, 5)
        ]

    def classify(self, x: Tensor) -> Tensor:
        """The last map -> (B, num_classes)."""
        assert self.head is not None
        return self.head(self.pool(x)).flatten(1)


_B1 = {"depths": (2, 2, 2, 2)}
_B2 = {"depths": (3, 4, 6, 3)}
_B3 = {"depths": (3, 4, 18, 3)}
_B4 = {"depths": (3, 8, 27, 3)}
_B5 = {"depths": (3, 6, 40, 3), "mlp_ratios": (4, 4, 4, 4)}
_TEST = {
    "dims": (16, 32, 48, 64),
    "depths": (1, 1, 2, 1),
    "num_heads": (1, 2, 3, 4),
    "mlp_ratios": (4, 4, 2, 2),
}

_UNPUBLISHED = "not in the paper: PVTv2-B5, changed in the same way as the other sizes"

_slide = partial(declare, family="slide_pvt_v2", network=PyramidVisionTransformerV2)
_pvt = partial(
    declare,
    family="pvt_v2",
    network=PyramidVisionTransformerV2,
    preset="baseline",
    slide_stages=0,
)

# Figures from the paper's table of classification results; B3 and B4 are read off its plot.
_slide("slide_pvt_v2_b1", config=_B1, preset="paper", paper=(13.0, 2.2, 79.5))
_slide(
    "slide_pvt_v2_b2",
    config=_B2,
    preset="paper",
    paper=(22.8, 4.2, 82.7),
    notes=("the paper prints 22.8 M, but its detection figures confirm the 23.6 M counted here",),
)
_slide("slide_pvt_v2_b3", config=_B3, preset="paper", paper=(None, 7.1, 83.8))
_slide("slide_pvt_v2_b4", config=_B4, preset="paper", paper=(None, 10.3, 84.1))
_slide("slide_pvt_v2_b5", config=_B5, preset="paper", notes=(_UNPUBLISHED,))
# Figures from table 2 of the PVTv2 paper.
_pvt(
    "pvt_v2_b1",
    config=_B1,
    paper=(13.1, 2.1, 78.7),
    notes=("the paper prints 13.1 M, the authors' README (whai362/PVT @57e2dfa) 14.0 M",),
)
_pvt("pvt_v2_b2", config=_B2, paper=(25.4, 4.0, 82.0))
_slide("slide_pvt_v2_test", config=_TEST, preset="test", input_size=(64, 96), num_classes=5)
