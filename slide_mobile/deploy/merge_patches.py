"""Patch merging as one strided convolution and a scale.

    before   four strided slices, concat to 4C, norm over 4C, linear 4C -> 2C
    after    conv(x, 2x2, stride 2, C -> 2C) * s + b

A scale a token commutes with a linear, and the centring folds into it (centre_norms), so the four
tokens need not lie side by side. The scale needs the deviation over all 4C values, which splits
exactly into the deviations inside the tokens and that of their means:

    sum_t sum_c (x - mean)^2 = sum_t sum_c (x - mean_t)^2 + C sum_t (mean_t - mean)^2

so only maps of one channel are convolved for it, and again nothing cancels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.slide_swin import PatchMerging


class MergePatches(nn.Module):
    """(1, H, W, C) -> (1, H / 2, W / 2, 2C)."""

    average: Tensor
    deviation: Tensor

    def __init__(self, published: PatchMerging) -> None:
        super().__init__()
        reduction, (width,) = published.reduction, published.norm.normalized_shape
        assert not published.norm.elementwise_affine, "fold_affine comes first"
        self.dim = width // 4
        # All sums below are over one token's worth of channels (the mean of the four), so that
        # they keep the magnitude they have in the blocks.
        self.eps = self.dim * published.norm.eps
        weight = reduction.weight - reduction.weight.mean(1, keepdim=True)
        weight = weight.reshape(-1, 2, 2, self.dim)  # columns are [dx][dy][c]
        self.conv = nn.Conv2d(self.dim, 2 * self.dim, 2, stride=2, bias=False)
        self.conv.weight = nn.Parameter(weight.permute(0, 3, 2, 1).contiguous() * self.dim**0.5)
        self.bias = nn.Parameter(
            torch.zeros(2 * self.dim) if reduction.bias is None else reduction.bias.clone()
        )
        self.register_buffer("average", torch.full((1, 1, 2, 2), 0.25))
        taps = torch.eye(4).reshape(4, 1, 2, 2)
        # Half the deviations of the four means: their squares then add up to the average.
        self.register_buffer("deviation", (taps - 0.25) / 2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H / 2, W / 2, 2C)."""
        mean = x.sum(-1, keepdim=True) * (1 / self.dim)
        inside = torch.square(x - mean).sum(-1, keepdim=True)
        inside = F.conv2d(inside.permute(0, 3, 1, 2), self.average, stride=2)
        between = F.conv2d(mean.permute(0, 3, 1, 2), self.deviation, stride=2)
        between = torch.square(between.permute(0, 2, 3, 1)).sum(-1, keepdim=True) * self.dim
        scale = torch.rsqrt(inside.permute(0, 2, 3, 1) + between + self.eps)
        return self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) * scale + self.bias


@torch.no_grad()
def merge_patches(module: nn.Module) -> nn.Module | None:
    """Rewrite one PatchMerging whose norm has lost its affine part."""
    return MergePatches(module) if type(module) is PatchMerging else None
