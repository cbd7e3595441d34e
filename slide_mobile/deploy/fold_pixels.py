"""Fold the image normalization into the first convolution, so the model takes RGB in 0..255.

    before   W ((x / 255 - mean) / std) + b
    after    (W / (255 std)) x + (b - sum(W mean / std))            without padding
             (W / (255 std)) (x - 255 mean) + b                     with padding

A padded zero stands for the mean color. Where the convolution pads, the mean is therefore
subtracted from the pixels before the padding, and only the scale is folded.
"""

import torch
from torch import nn

from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.preprocess import Normalization


@torch.no_grad()
def fold_pixels(module: nn.Module, *, by: Normalization) -> nn.Module | None:
    """Rewrite the MapEmbed that takes the image, in place; None for any other module."""
    if not isinstance(module, MapEmbed) or not module.takes_image:
        return None
    conv = module.convs()[0]
    mean = torch.tensor(by.mean, dtype=torch.float64)[:, None, None]
    std = torch.tensor(by.std, dtype=torch.float64)[:, None, None]
    weight = conv.weight.double()
    if conv.padding == (0, 0):
        assert conv.bias is not None
        conv.bias.copy_(conv.bias.double() - (weight * mean / std).sum((1, 2, 3)))
    else:
        # A buffer follows the model to fp16 and stays inside delegates.
        module.register_buffer("middle", (255 * mean)[None].float())
    conv.weight.copy_(weight / (255 * std))
    return module
