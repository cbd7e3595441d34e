"""Take raw RGB in 0..255: the image normalisation goes into the patch embedding.

    before   W ((x / 255 - mean) / std) + b
    after    (W / (255 std)) x + (b - sum(W mean / std))

Exact because this convolution has no padding. (Where one pads, zero in normalised space is the
mean in raw space, and this rewrite would be wrong at the border.)
"""

import torch
from torch import nn

from slide_mobile.models.slide_swin import PatchEmbed
from slide_mobile.preprocess import Normalization


@torch.no_grad()
def fold_pixels(module: nn.Module, *, by: Normalization) -> nn.Module | None:
    """Rewrite one PatchEmbed in place."""
    if not isinstance(module, PatchEmbed):
        return None
    conv = module.proj
    assert conv.padding == (0, 0) and conv.bias is not None
    mean = torch.tensor(by.mean, dtype=torch.float64)[:, None, None]
    std = torch.tensor(by.std, dtype=torch.float64)[:, None, None]
    weight = conv.weight.double()
    conv.bias.copy_(conv.bias.double() - (weight * mean / std).sum((1, 2, 3)))
    conv.weight.copy_(weight / (255 * std))
    return module
