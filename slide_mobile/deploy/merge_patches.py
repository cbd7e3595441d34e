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

from slide_mobile.deploy.layout import Affine, ChannelSum, Laid
from slide_mobile.models.slide_swin import PatchMerging


class MergePatches(Laid):
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
        weight = reduction.weight - reduction.weight.mean(1, keepdim=True)
        weight = weight.reshape(-1, 2, 2, self.dim)  # columns are [dx][dy][c]
        self.conv = nn.Conv2d(self.dim, 2 * self.dim, 2, stride=2, bias=False)
        self.conv.weight = nn.Parameter(weight.permute(0, 3, 2, 1).contiguous() * self.dim**0.5)
        bias = torch.zeros(2 * self.dim) if reduction.bias is None else reduction.bias.clone()
        self.affine = Affine(None, bias)
        self.mean, self.total = ChannelSum(self.dim, scale=1 / self.dim), ChannelSum(self.dim)
        self.between = ChannelSum(4, scale=self.dim, shift=self.dim * published.norm.eps)
        self.register_buffer("average", torch.full((1, 1, 2, 2), 0.25))
        taps = torch.eye(4).reshape(4, 1, 2, 2)
        # Half the deviations of the four means: their squares then add up to the average.
        self.register_buffer("deviation", (taps - 0.25) / 2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H / 2, W / 2, 2C)."""
        mean = self.mean(x)
        inside = self.strided(self.total(torch.square(x - mean)), self.average)
        between = self.between(torch.square(self.strided(mean, self.deviation)))
        merged = self.tokens(self.conv(self.maps(x)))
        return self.affine(merged * torch.rsqrt(inside + between))

    def strided(self, x: Tensor, weight: Tensor) -> Tensor:
        """(1, H, W, 1) -> (1, H / 2, W / 2, weight's rows)."""
        return self.tokens(F.conv2d(self.maps(x), weight, stride=2))


@torch.no_grad()
def merge_patches(module: nn.Module) -> nn.Module | None:
    """Rewrite one PatchMerging whose norm has lost its affine part."""
    return MergePatches(module) if type(module) is PatchMerging else None
