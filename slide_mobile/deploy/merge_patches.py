"""Patch merging as one strided convolution and a scale.

    before   four strided slices, concat to 4C, norm over 4C, linear 4C -> 2C
    after    conv(x, 2x2, stride 2, C -> 2C) * s + b

One scale per token commutes with a linear, and the centering folds into the linear (centre_norms),
so the four tokens need not be concatenated. The scale needs the variance over all 4C values, which
splits exactly into the variance inside the tokens and the variance of their means:

    sum_t sum_c (x - mean)^2 = sum_t sum_c (x - mean_t)^2 + C sum_t (mean_t - mean)^2

The extra convolutions therefore run on maps of one channel, and no term cancels in fp16.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.layout import Affine, ChannelSum, Laid
from slide_mobile.models.slide_swin import PatchMerging


class MergePatches(Laid):
    """Swin's patch merging as a 2x2 convolution with stride 2, scaled per token."""

    average: Tensor
    deviation: Tensor

    def __init__(self, published: PatchMerging) -> None:
        super().__init__()
        reduction, (width,) = published.reduction, published.norm.normalized_shape
        assert not published.norm.elementwise_affine, "fold_affine comes first"
        self.dim = width // 4
        # The sums are averaged over the four tokens, so that they stay as large as in the blocks.
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
        # Half the deviation of each mean: the four squares then add up to their average.
        self.register_buffer("deviation", (taps - 0.25) / 2)

    def forward(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H / 2, W / 2, 2C)."""
        mean = self.mean(x)
        inside = self.strided(self.total(torch.square(x - mean)), self.average)
        between = self.between(torch.square(self.strided(mean, self.deviation)))
        merged = self.tokens(self.conv(self.maps(x)))
        return self.affine(merged * torch.rsqrt(inside + between))

    def strided(self, x: Tensor, weight: Tensor) -> Tensor:
        """(1, H, W, 1) -> (1, H / 2, W / 2, C_out): convolve with a 2x2 weight, stride 2."""
        return self.tokens(F.conv2d(self.maps(x), weight, stride=2))


@torch.no_grad()
def merge_patches(module: nn.Module) -> nn.Module | None:
    """Return a MergePatches for a PatchMerging after fold_affine, None for any other module."""
    return MergePatches(module) if type(module) is PatchMerging else None
