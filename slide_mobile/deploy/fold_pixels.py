"""Fold the image normalization into the first convolution, so the model takes RGB in 0..255.

    before   W ((x / 255 - mean) / std) + b
    after    W' (x - 128) + (b + sum(W' (128 - 255 mean)))      without padding; W' = W / (255 std)
             W' (x - 255 mean) + b                              with padding

A padded zero stands for the mean color. Where the convolution pads, the mean is therefore
subtracted from the pixels before the padding. Elsewhere any constant would do, and 128 leaves
integers, which fp16 holds exactly. With no constant at all, the convolution would add up pixels of
one sign; in fp16, slide_swin_tiny would lose 9 of its 62 dB.
"""

import torch
from torch import nn

from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.preprocess import Normalization

MIDDLE = 128.0  # the middle of the pixel range 0..255


@torch.no_grad()
def fold_pixels(module: nn.Module, *, by: Normalization) -> nn.Module | None:
    """Rewrite the MapEmbed that takes the image, in place; None for any other module."""
    if not isinstance(module, MapEmbed) or not module.takes_image:
        return None
    conv = module.convs()[0]
    mean = torch.tensor(by.mean, dtype=torch.float64)[:, None, None]
    std = torch.tensor(by.std, dtype=torch.float64)[:, None, None]
    weight = conv.weight.double() / (255 * std)
    middle = 255 * mean
    if conv.padding == (0, 0):
        assert conv.bias is not None
        middle = torch.full((1, 1, 1), MIDDLE, dtype=torch.float64)
        conv.bias.copy_(conv.bias.double() + (weight * (middle - 255 * mean)).sum((1, 2, 3)))
    # A buffer follows the model to fp16 and stays inside delegates.
    module.register_buffer("middle", middle[None].float())
    conv.weight.copy_(weight)
    return module
