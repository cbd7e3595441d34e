"""Slide-PVT, and its baseline PVT.

Papers: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2102.12122 (PVT). Origin of
names, shapes and defaults: whai362/PVT @57e2dfa (Apache-2.0), classification/pvt.py. The state dict
has the keys of that code, and for the slide attention those of LeapLabTHU/Slide-Transformer. This
is new code for inference: feature maps are (B, H, W, C), and there is no dropout.

The code of Slide-PVT was not published. Slide attention in stages 1 and 2 with k = 3 reproduces all
printed digits of the paper's parameters and multiply-adds. It is not known whether Slide-PVT
classifies by PVT's class token or by the mean over the map. The paper's plot shows 2.022, 3.972 and
6.819 G; the mean gives 2.023, 3.971 and 6.814 G, and the class token 2.030, 3.980 and 6.824 G. The
mean is closer, and the authors' later PVTs use it, so `slide_pvt_*` use the mean, and
`class_token=True` builds the other variant. `pvt_*` have the class token, as published.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import (
    STRIDE_PX,
    Backbone,
    Block,
    ConvEmbed,
    Mlp,
    StageParts,
    init_linears,
)
from slide_mobile.models.layers.slide_attention import (
    Im2ColAttention,
    LocalAttention,
    SlideAttention,
)
from slide_mobile.models.layers.spatial_reduction import EPS, stage_attention
from slide_mobile.models.registry import declare

__all__ = ["PatchEmbed", "PyramidVisionTransformer"]

POSITION_SIDE = 224  # side in pixels of the images that the position embeddings belong to


class PatchEmbed(ConvEmbed):
    """Non-overlapping patches, then a LayerNorm."""

    def __init__(self, in_channels: int, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=patch, stride=patch)
        self.norm = nn.LayerNorm(dim)


class ClassToken(nn.Module):
    """Take the class token, the first of a row of tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 1 + N, C) -> (B, C)."""
        return x[:, 0, 0]


class MapOfRow(nn.Module):
    """Drop the class token from a row of tokens, and restore the map."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 1 + H * W, C) -> (B, H, W, C)."""
        return x[:, :, 1:].reshape(x.shape[0], *self.size, -1)


class PyramidVisionTransformer(Backbone):
    """PVT with local attention in its first `slide_stages` stages.

    Position embeddings belong to 224 x 224 images and are interpolated for other input sizes. With
    `class_token` the last stage works on a row of tokens, the first of which is the class token.
    Raises UsageError for an input size that the strides do not divide.
    """

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
        class_token: bool = False,
    ) -> None:
        super().__init__(input_size, num_classes, smallest=1)
        self.class_token = class_token
        for i, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
            embed = PatchEmbed(3, dim, 4) if i == 0 else PatchEmbed(dims[i - 1], dim, 2)
            local = local_attention if i < slide_stages else None
            blocks = []
            for _ in range(depth):
                attn = stage_attention(dim, num_heads[i], sr_ratios[i], local)
                blocks.append(Block(dim, attn, Mlp(dim, dim * mlp_ratios[i]), eps=EPS))
            tokens = (POSITION_SIDE // 4 >> i) ** 2 + (class_token and i == len(dims) - 1)
            position = nn.Parameter(torch.zeros(1, tokens, dim))
            nn.init.trunc_normal_(position, std=0.02)
            setattr(self, f"patch_embed{i + 1}", embed)
            setattr(self, f"pos_embed{i + 1}", position)
            setattr(self, f"block{i + 1}", nn.Sequential(*blocks))
        self.norm = nn.LayerNorm(dims[-1], EPS)
        if class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dims[-1]))
            nn.init.trunc_normal_(self.cls_token, std=0.02)
            self.pool = ClassToken()
            self.outputs[-1] = MapOfRow((input_size[0] // STRIDE_PX, input_size[1] // STRIDE_PX))
        self.head = nn.Linear(dims[-1], num_classes)
        self.apply(init_linears)

    def stages(self) -> Sequence[StageParts]:
        """Return the parts of the four stages."""
        return [StageParts(embed=f"patch_embed{i}", blocks=f"block{i}") for i in range(1, 5)]

    def stage_maps(self, image: Tensor) -> Iterator[Tensor]:
        """(B, 3, H, W) -> the map (B, H, W, C) of each stage; with a class token the last is a row.

        The row is (B, 1, 1 + H * W, C).
        """
        x = image
        for i in range(1, 5):
            x = self.placed(i, self.get_submodule(f"patch_embed{i}")(x))
            x = self.get_submodule(f"block{i}")(x)
            yield x

    def placed(self, stage: int, x: Tensor) -> Tensor:
        """Add the position embedding to a map, and put the class token in front if there is one."""
        if getattr(self, f"pos_embed{stage}") is None:
            return x  # in the deploy form the patch embedding adds the positions
        b, h, w, c = x.shape
        positions, token = self.positions(stage, (h, w))
        x = x + positions
        if token is None:
            return x
        return torch.cat((token.expand(b, 1, 1, c), x.reshape(b, 1, h * w, c)), 2)

    def positions(self, stage: int, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
        """Return the positions of a map of this size, (1, H, W, C), and the class token or None.

        The class token, (1, 1, 1, C), includes its own position. Positions are interpolated as in
        the official code: bilinear, corners not aligned.
        """
        table: Tensor = self.get_parameter(f"pos_embed{stage}")
        token = None
        if self.class_token and stage == 4:
            token = (self.cls_token + table[:, :1])[:, None]
            table = table[:, 1:]
        side = POSITION_SIDE // 4 >> (stage - 1)
        grid = table.reshape(1, side, side, -1)
        if size != (side, side):
            planes = grid.permute(0, 3, 1, 2)
            planes = F.interpolate(planes, size=size, mode="bilinear")
            grid = planes.permute(0, 2, 3, 1)
        return grid, token


_TINY = {"depths": (2, 2, 2, 2)}
_SMALL = {"depths": (3, 4, 6, 3)}
_MEDIUM = {"depths": (3, 4, 18, 3)}
_LARGE = {"depths": (3, 8, 27, 3)}
_TEST = {
    "dims": (16, 32, 48, 64),
    "depths": (1, 1, 2, 1),
    "num_heads": (1, 2, 3, 4),
    "mlp_ratios": (4, 4, 2, 2),
}

_MEAN = (
    "whether it classifies by a class token or by the mean is not published: here by the mean; "
    "class_token=True adds 0.007 to 0.010 G"
)

_slide = partial(declare, family="slide_pvt", network=PyramidVisionTransformer, notes=(_MEAN,))
_pvt = partial(
    declare,
    family="pvt",
    network=PyramidVisionTransformer,
    preset="baseline",
    slide_stages=0,
    class_token=True,
)
_im2col = partial(
    declare,
    family="pvt",
    network=PyramidVisionTransformer,
    preset="baseline",
    local_attention=Im2ColAttention,
)

# Figures from the paper's table of classification results; Medium is read off its plot.
_slide("slide_pvt_tiny", config=_TINY, preset="paper", paper=(12.2, 2.0, 78.0))
_slide("slide_pvt_small", config=_SMALL, preset="paper", paper=(22.7, 4.0, 81.7))
_slide("slide_pvt_medium", config=_MEDIUM, preset="paper", paper=(None, 6.82, 82.9))
# Figures from table 2 of the PVT paper.
_pvt("pvt_tiny", config=_TINY, paper=(13.2, 1.9, 75.1))
_pvt("pvt_small", config=_SMALL, paper=(24.5, 3.8, 79.8))
_pvt("pvt_medium", config=_MEDIUM, paper=(44.2, 6.7, 81.2))
_pvt("pvt_large", config=_LARGE, paper=(61.4, 9.8, 81.7))
# Accuracies from the paper's plot of run times, where it sets Slide-PVT beside these.
_im2col("im2col_pvt_small", config=_SMALL, paper=(None, None, 80.6))
_im2col("im2col_pvt_medium", config=_MEDIUM, paper=(None, None, 81.7))
_im2col("im2col_pvt_large", config=_LARGE, paper=(None, None, 82.1))
_slide("slide_pvt_test", config=_TEST, preset="test", input_size=(64, 96), num_classes=5)
