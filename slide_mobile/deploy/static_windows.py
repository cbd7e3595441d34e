"""Window attention of rank <= 4, with its tables gathered at conversion.

    before   roll, partition through rank 6, one qkv linear split through rank 5,
             bias gathered from the table by index, mask added through rank 5
    after    slices and concats, partition through (H/w, w, W/w, w*C), three planar linears,
             q.k + bias (1, heads, N, N) + mask (windows, 1, N, N), both constants

Batch 1 only: the window axes take the place of the batch. A map that the windows do not divide is
padded after the linears, not before them. A padded token is zero before the linears, so its q, k
and v are their biases. The linears therefore lose their bias, and it is added to the padded map.
The normalization in front of the linears can still be folded into them; if tokens were padded
before the linears, it could not.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.split_taps import linear
from slide_mobile.models.layers.window_attention import WindowAttention


@dataclass(frozen=True, kw_only=True)
class WindowConstants:
    """The geometry of a window attention, and the tensors that no image changes.

    `padding` holds q, k and v of a padded token, None where the windows divide the map.
    """

    num_heads: int
    window: int
    shift: int
    map_size: tuple[int, int]
    padded_size: tuple[int, int]
    padding: tuple[Tensor, Tensor, Tensor] | None
    position_bias: Tensor
    mask: Tensor | None


class StaticWindowAttention(nn.Module):
    """Multi-head attention inside windows of one (1, H, W, C) map."""

    q: nn.Module
    k: nn.Module
    v: nn.Module
    proj: nn.Module

    position_bias: Tensor
    mask: Tensor | None
    pad_q: Tensor | None
    pad_k: Tensor | None
    pad_v: Tensor | None

    def __init__(self, constants: WindowConstants, **projections: nn.Module) -> None:
        """`projections` are q, k, v and proj; the exported parameters keep their order."""
        super().__init__()
        self.num_heads, self.window = constants.num_heads, constants.window
        self.map_size, self.padded_size = constants.map_size, constants.padded_size
        self.shift = constants.shift
        for name, projection in projections.items():
            self.add_module(name, projection)
        padding = constants.padding or (None, None, None)
        for name, bias in zip(("pad_q", "pad_k", "pad_v"), padding, strict=True):
            self.register_buffer(name, bias)
        self.register_buffer("position_bias", constants.position_bias)
        self.register_buffer("mask", constants.mask)

    def constants(self) -> WindowConstants:
        """Return the constants that this attention was built with."""
        padding = None
        if self.pad_q is not None and self.pad_k is not None and self.pad_v is not None:
            padding = (self.pad_q, self.pad_k, self.pad_v)
        return WindowConstants(
            num_heads=self.num_heads,
            window=self.window,
            shift=self.shift,
            map_size=self.map_size,
            padded_size=self.padded_size,
            padding=padding,
            position_bias=self.position_bias,
            mask=self.mask,
        )

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        if self.pad_q is None or self.pad_k is None or self.pad_v is None:
            x = self.partition(x)
            return self.reverse(self.proj(self.attend(self.q(x), self.k(x), self.v(x))))
        q = self.partition(self.pad(self.q(x)) + self.pad_q)
        k = self.partition(self.pad(self.k(x)) + self.pad_k)
        v = self.partition(self.pad(self.v(x)) + self.pad_v)
        return self.proj(self.reverse(self.attend(q, k, v)))  # proj after cropping the padding

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(windows, N, C) three times -> (windows, N, C)."""
        attn = self.products(self.heads(q), self.keys(k)) + self.position_bias
        if self.mask is not None:
            attn = attn + self.mask
        return self.tokens(self.products(attn.softmax(-1), self.heads(v)))

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """(windows, heads, m, k) @ (windows, heads, k, n) -> (windows, heads, m, n)."""
        return a @ b

    def pad(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H', W', C), padded with zeros to whole windows."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        return F.pad(x, (0, 0, 0, wp - w, 0, hp - h))

    def heads(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (windows, heads, N, d)."""
        return self.split(x).permute(0, 2, 1, 3)

    def keys(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (windows, heads, d, N)."""
        return self.split(x).permute(0, 2, 3, 1)

    def split(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (windows, N, heads, d)."""
        windows, n, c = x.shape
        return x.reshape(windows, n, self.num_heads, c // self.num_heads)

    def tokens(self, x: Tensor) -> Tensor:
        """(windows, heads, N, d) -> (windows, N, C)."""
        x = x.permute(0, 2, 1, 3)
        return x.reshape(x.shape[0], x.shape[1], -1)

    def partition(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (windows, N, C); the windows must divide H and W."""
        _, h, w, c = x.shape
        if self.shift:
            x = torch.cat((x[:, self.shift :], x[:, : self.shift]), 1)
            x = torch.cat((x[:, :, self.shift :], x[:, :, : self.shift]), 2)
        x = x.reshape(h // self.window, self.window, w // self.window, self.window * c)
        return x.permute(0, 2, 1, 3).reshape(-1, self.window**2, c)

    def reverse(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (1, H, W, C), with the padding cropped."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        c = x.shape[-1]
        x = x.reshape(hp // self.window, wp // self.window, self.window, self.window * c)
        x = x.permute(0, 2, 1, 3).reshape(1, hp, wp, c)
        if self.shift:
            x = torch.cat((x[:, hp - self.shift :], x[:, : hp - self.shift]), 1)
            x = torch.cat((x[:, :, wp - self.shift :], x[:, :, : wp - self.shift]), 2)
        return x if (h, w) == (hp, wp) else x[:, :h, :w]


def static_windows(module: nn.Module) -> nn.Module | None:
    """Return a StaticWindowAttention for a WindowAttention, None for any other module."""
    if type(module) is not WindowAttention:
        return None
    scale = torch.tensor([module.scale, 1.0, 1.0])
    rows = module.qkv.weight.reshape(3, module.dim, module.dim) * scale[:, None, None]
    bias = module.qkv.bias.reshape(3, module.dim) * scale[:, None]
    padded, mask = module.map_size != module.padded_size, module.mask()
    constants = WindowConstants(
        num_heads=module.num_heads,
        window=module.window,
        shift=module.shift,
        map_size=module.map_size,
        padded_size=module.padded_size,
        padding=(bias[0].clone(), bias[1].clone(), bias[2].clone()) if padded else None,
        position_bias=module.position_bias()[None].contiguous(),
        mask=None if mask is None else mask[:, None],
    )
    kept = torch.zeros_like(bias) if padded else bias
    q, k, v = (linear(r, b) for r, b in zip(rows, kept, strict=True))
    return StaticWindowAttention(constants, proj=module.proj, q=q, k=k, v=v)
