"""Channels first: maps of (1, C, H, W) and 1x1 convolutions instead of (1, H, W, C) and linears.

    before   linear on (1, H, W, C), permutes around each depthwise convolution,
             sums over the channels as reductions
    after    1x1 convolution on (1, C, H, W), no permute but in attention between tokens,
             sums over the channels as 1x1 convolutions C -> 1

What Core ML, ExecuTorch and ONNX Runtime want: their convolutions are channels first, Apple's
Neural Engine prefers 1x1 convolutions to linears (github.com/apple/ml-ane-transformers), and
XNNPACK's ExecuTorch partitioner refuses sums over channels but takes convolutions.
"""

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
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.deploy.matrix_stages import MatrixStage
from slide_mobile.deploy.static_windows import StaticWindowAttention
from slide_mobile.deploy.token_attention import TokenMixer
from slide_mobile.models.layers.backbone import Backbone, MapMean
from slide_mobile.models.layers.slide_attention import LocalAttention
from slide_mobile.models.slide_pvt import ClassToken, MapOfRow

MIDDLE = 128.0  # of 0..255


class WindowMaps(StaticWindowAttention):
    """Multi-head attention inside windows of one (1, C, H, W) map.

    A window is a row of (1, C, windows, N), so that q, k, v and proj stay 1x1 convolutions.
    """

    def __init__(self, last: StaticWindowAttention) -> None:
        nn.Module.__init__(self)
        for name in ("num_heads", "window", "map_size", "padded_size", "shift"):
            setattr(self, name, getattr(last, name))
        self.q, self.k, self.v, self.proj = last.q, last.k, last.v, last.proj
        for name in ("pad_q", "pad_k", "pad_v"):
            bias = getattr(last, name)
            self.register_buffer(name, None if bias is None else bias[:, None, None])
        # (heads, 1, N, N) and (1, windows, N, N): heads come before windows here.
        self.register_buffer("position_bias", _swapped(last.position_bias))
        self.register_buffer("mask", None if last.mask is None else _swapped(last.mask))

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """A matmul for each head and window: (heads, windows, m, k), (..., k, n) -> (..., m, n).

        Of rank 3, because XNNPACK's ExecuTorch partitioner takes no other.
        """
        heads, windows, m, _ = a.shape
        products = torch.bmm(a.flatten(0, 1), b.flatten(0, 1))
        return products.reshape(heads, windows, m, products.shape[-1])

    def pad(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> the same, to whole windows."""
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
        """(1, C, H, W) -> (1, C, windows, N), H and W being whole windows."""
        _, c, h, w = x.shape
        if self.shift:
            x = torch.cat((x[:, :, self.shift :], x[:, :, : self.shift]), 2)
            x = torch.cat((x[:, :, :, self.shift :], x[:, :, :, : self.shift]), 3)
        x = x.reshape(c * h // self.window, self.window, w // self.window, self.window)
        return x.permute(0, 2, 1, 3).reshape(1, c, -1, self.window**2)

    def reverse(self, x: Tensor) -> Tensor:
        """(1, C, windows, N) -> (1, C, H, W), padding cropped."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        c = x.shape[1]
        x = x.reshape(c * hp // self.window, wp // self.window, self.window, self.window)
        x = x.permute(0, 2, 1, 3).reshape(1, c, hp, wp)
        if self.shift:
            x = torch.cat((x[:, :, hp - self.shift :], x[:, :, : hp - self.shift]), 2)
            x = torch.cat((x[:, :, :, wp - self.shift :], x[:, :, :, : wp - self.shift]), 3)
        return x if (h, w) == (hp, wp) else x[:, :, :h, :w]


class MeanOfMap(nn.Module):
    """The mean over a map, which stays one."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class FirstOfRow(nn.Module):
    """The class token of a row of tokens, which stays a map."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, N) -> (1, C, 1, 1)."""
        return x[:, :, :, :1]


class PlanarMapOfRow(nn.Module):
    """The map in a row of tokens, without the class token that leads it."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, 1 + H * W) -> (1, C, H, W)."""
        return x[:, :, :, 1:].reshape(1, -1, *self.size)


class ChannelsLastInside(nn.Module):
    """A module without a channels-first form, permutes around it."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C, H, W)."""
        return self.inside(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@torch.no_grad()
def channels_first(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole Backbone in deploy form, in place."""
    if not isinstance(module, Backbone):
        return None
    turn(module)
    return module


def turn(module: nn.Module) -> nn.Module:
    """What takes a module's place in channels-first maps; modules inside it change in place."""
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
        case MapEmbed():
            return _embed(module)
        case StaticWindowAttention():
            return WindowMaps(module)
        case MapMean():
            return MeanOfMap()
        case ClassToken():
            return FirstOfRow()
        case MapOfRow():
            return PlanarMapOfRow(module.size)
    return module


def _embed(embed: MapEmbed) -> MapEmbed:
    if isinstance(embed, PlacedEmbed):
        embed.turn()
    if embed.takes_image and embed.middle is None:
        # W x + b = W (x - 128) + (b + 128 sum(W)). Pixels of half the size halve what the rounding
        # of an fp16 weight costs; exact, because the convolution has no padding. A buffer, so that
        # it follows the model to fp16 and stays inside delegates.
        embed.register_buffer("middle", torch.full((1, 1, 1, 1), MIDDLE))
        (conv,) = embed.convs()
        assert conv.padding == (0, 0) and conv.bias is not None
        conv.bias.copy_(conv.bias.double() + MIDDLE * conv.weight.double().sum((1, 2, 3)))
    return embed


def _swapped(x: Tensor) -> Tensor:
    # contiguous() leaves odd strides on axes of one element, and ExecuTorch 1.4.1 then serialises
    # a wrong shape.
    return x.transpose(0, 1).clone(memory_format=torch.contiguous_format)


def _pointwise(linear: nn.Linear) -> nn.Conv2d:
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    conv.weight = nn.Parameter(linear.weight[:, :, None, None].clone())
    conv.bias = linear.bias
    return conv


def _depthwise(affine: Affine) -> nn.Conv2d:
    # A convolution keeps the layout of its map; a constant beside a map makes XNNPACK change it.
    (dim,) = affine.beta.shape
    conv = nn.Conv2d(dim, dim, 1, groups=dim)
    weight = torch.ones(dim) if affine.gamma is None else affine.gamma
    conv.weight = nn.Parameter(weight[:, None, None, None].clone())
    conv.bias = affine.beta
    return conv
