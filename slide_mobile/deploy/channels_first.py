"""Channels first: maps of (1, C, H, W) and 1x1 convolutions instead of (1, H, W, C) and linears.

    before   linear on (1, H, W, C), permutes around each depthwise convolution,
             sums over the channels as reductions
    after    1x1 convolution on (1, C, H, W), permutes only in attention between tokens,
             sums over the channels as 1x1 convolutions C -> 1

Core ML, ExecuTorch and ONNX Runtime need this form: their convolutions are channels first, Apple's
Neural Engine prefers 1x1 convolutions to linears (github.com/apple/ml-ane-transformers), and
XNNPACK's ExecuTorch partitioner rejects sums over channels but takes convolutions.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from slide_mobile.deploy.fix_positions import PlacedEmbed
from slide_mobile.deploy.layout import (
    Affine,
    ChannelSum,
    FixedLinear,
    FixedPointwise,
    Laid,
    sums_as_products,
)
from slide_mobile.deploy.matrix_stages import MatrixStage
from slide_mobile.deploy.static_windows import StaticWindowAttention
from slide_mobile.deploy.token_attention import TokenMixer
from slide_mobile.models.layers.backbone import Backbone, MapMean
from slide_mobile.models.layers.slide_attention import LocalAttention
from slide_mobile.models.slide_pvt import ClassToken, MapOfRow


class WindowMaps(StaticWindowAttention):
    """Multi-head attention inside windows of one (1, C, H, W) map.

    The windows are the rows of (1, C, windows, N), so q, k, v and proj stay 1x1 convolutions.
    """

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """(heads, windows, m, k) @ (heads, windows, k, n) -> (heads, windows, m, n).

        Computed at rank 3, the only rank that XNNPACK's ExecuTorch partitioner takes.
        """
        heads, windows, m, _ = a.shape
        products = torch.bmm(a.flatten(0, 1), b.flatten(0, 1))
        return products.reshape(heads, windows, m, products.shape[-1])

    def pad(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, H', W'), padded with zeros to whole windows."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        return nn.functional.pad(x, (0, wp - w, 0, hp - h))

    def heads(self, x: Tensor) -> Tensor:
        """(1, C, windows, N) -> (heads, windows, N, d)."""
        return self.split(x).permute(0, 2, 3, 1)

    def keys(self, x: Tensor) -> Tensor:
        """(1, C, windows, N) -> (heads, windows, d, N)."""
        return self.split(x).permute(0, 2, 1, 3)

    def split(self, x: Tensor) -> Tensor:
        """(1, C, windows, N) -> (heads, d, windows, N)."""
        return x.reshape(self.num_heads, -1, x.shape[2], x.shape[3])

    def tokens(self, x: Tensor) -> Tensor:
        """(heads, windows, N, d) -> (1, C, windows, N)."""
        x = x.permute(0, 3, 1, 2)
        return x.reshape(1, -1, x.shape[2], x.shape[3])

    def partition(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, windows, N); the windows must divide H and W."""
        _, c, h, w = x.shape
        if self.shift:
            x = torch.cat((x[:, :, self.shift :], x[:, :, : self.shift]), 2)
            x = torch.cat((x[:, :, :, self.shift :], x[:, :, :, : self.shift]), 3)
        x = x.reshape(c * h // self.window, self.window, w // self.window, self.window)
        return x.permute(0, 2, 1, 3).reshape(1, c, -1, self.window**2)

    def reverse(self, x: Tensor) -> Tensor:
        """(1, C, windows, N) -> (1, C, H, W), with the padding cropped."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        c = x.shape[1]
        x = x.reshape(c * hp // self.window, wp // self.window, self.window, self.window)
        x = x.permute(0, 2, 1, 3).reshape(1, c, hp, wp)
        if self.shift:
            x = torch.cat((x[:, :, hp - self.shift :], x[:, :, : hp - self.shift]), 2)
            x = torch.cat((x[:, :, :, wp - self.shift :], x[:, :, :, : wp - self.shift]), 3)
        return x if (h, w) == (hp, wp) else x[:, :, :h, :w]


class MeanOfMap(nn.Module):
    """Mean over a channels-first map; the result is a map of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class FirstOfRow(nn.Module):
    """Take the class token, the first of a row of tokens; the result is a map of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, N) -> (1, C, 1, 1)."""
        return x[:, :, :, :1]


class PlanarMapOfRow(nn.Module):
    """Drop the class token from a row of tokens, and restore the map."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, 1 + H * W) -> (1, C, H, W)."""
        return x[:, :, :, 1:].reshape(1, -1, *self.size)


class ChannelsLastInside(nn.Module):
    """Run a channels-last module on channels-first maps, with a permute on either side."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, H, W)."""
        return self.inside(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@torch.no_grad()
def channels_first(module: nn.Module) -> nn.Module | None:
    """Turn a whole Backbone in deploy form to channels first, in place; None for other modules."""
    if not isinstance(module, Backbone):
        return None
    turn(module)
    return module


def turn(module: nn.Module) -> nn.Module:
    """Return the channels-first replacement of a module; its children are changed in place."""
    if isinstance(module, LocalAttention):
        return ChannelsLastInside(module)
    if isinstance(module, TokenMixer):
        module.channels_first = True
        return sums_as_products(module)
    if isinstance(module, MatrixStage):
        if module.downsample is not None:
            module.downsample = turn(module.downsample)
        return module
    for name, child in list(module.named_children()):
        setattr(module, name, turn(child))
    if isinstance(module, Laid):
        module.channels_first = True
    match module:
        case nn.Linear():
            return _pointwise(module)
        case FixedLinear():
            return FixedPointwise(module.weight, module.bias)
        case ChannelSum():
            return turn(module.as_product())
        case Affine():
            return _depthwise(module)
        case PlacedEmbed():
            module.turn()
            return module
        case StaticWindowAttention():
            return _windows(module)
        case MapMean():
            return MeanOfMap()
        case ClassToken():
            return FirstOfRow()
        case MapOfRow():
            return PlanarMapOfRow(module.size)
    return module


def _windows(last: StaticWindowAttention) -> WindowMaps:
    """Return the channels-first form of a window attention whose projections are turned."""
    constants = last.constants()
    padding = constants.padding
    if padding is not None:
        q, k, v = (bias[:, None, None] for bias in padding)
        padding = (q, k, v)
    constants = replace(
        constants,
        padding=padding,
        # (heads, 1, N, N) and (1, windows, N, N): heads come before windows here.
        position_bias=_swapped(constants.position_bias),
        mask=None if constants.mask is None else _swapped(constants.mask),
    )
    return WindowMaps(constants, q=last.q, k=last.k, v=last.v, proj=last.proj)


def _swapped(x: Tensor) -> Tensor:
    """Swap the first two axes, and copy to contiguous memory."""
    # contiguous() leaves odd strides on axes of length 1, and ExecuTorch 1.4.1 then serializes a
    # wrong shape.
    return x.transpose(0, 1).clone(memory_format=torch.contiguous_format)


def _pointwise(linear: nn.Linear) -> nn.Conv2d:
    """Return the 1x1 convolution that computes a linear."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    conv.weight = nn.Parameter(linear.weight[:, :, None, None].clone())
    conv.bias = linear.bias
    return conv


def _depthwise(affine: Affine) -> nn.Conv2d:
    """Return the 1x1 depthwise convolution that computes an Affine."""
    # A product with a constant would make XNNPACK change the layout of the map; a convolution
    # keeps it.
    (dim,) = affine.beta.shape
    conv = nn.Conv2d(dim, dim, 1, groups=dim)
    weight = torch.ones(dim) if affine.gamma is None else affine.gamma
    conv.weight = nn.Parameter(weight[:, None, None, None].clone())
    conv.bias = affine.beta
    return conv
