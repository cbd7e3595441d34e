"""Window attention of rank <= 4 with its tables gathered beforehand.

    before   roll, partition through rank 6, one qkv linear split through rank 5,
             bias gathered from the table by index, mask added through rank 5
    after    slices and concats, partition through (H/w, w, W/w, w*C), three planar linears,
             q.k + bias (1, heads, N, N) + mask (windows, 1, N, N), both constants

Batch 1 only: the window axes take the place of the batch. Where the map is padded to whole
windows, padding moves behind the linears: a padded token is zero before them, so its q, k and v
are their biases. The linears lose that bias and it is added to the padded map; the normalisation
in front can then still be folded into the linears, which a token padded earlier would not allow.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.split_taps import linear
from slide_mobile.models.layers.window_attention import WindowAttention


class StaticWindowAttention(nn.Module):
    """Multi-head attention inside windows of one (1, H, W, C) map."""

    position_bias: Tensor
    mask: Tensor | None
    pad_q: Tensor | None
    pad_k: Tensor | None
    pad_v: Tensor | None

    def __init__(self, published: WindowAttention) -> None:
        super().__init__()
        self.num_heads, self.window = published.num_heads, published.window
        self.map_size, self.padded_size = published.map_size, published.padded_size
        self.shift = published.shift
        self.proj = published.proj
        c = published.dim
        rows = published.qkv.weight.reshape(3, c, c)
        bias = published.qkv.bias.reshape(3, c)
        scale = torch.tensor([published.scale, 1.0, 1.0])
        rows, bias = rows * scale[:, None, None], bias * scale[:, None]
        padded = self.map_size != self.padded_size
        for name, row in zip(("pad_q", "pad_k", "pad_v"), bias, strict=True):
            self.register_buffer(name, row.clone() if padded else None)
        kept = torch.zeros_like(bias) if padded else bias
        self.q, self.k, self.v = (linear(r, b) for r, b in zip(rows, kept, strict=True))
        self.register_buffer("position_bias", published.position_bias()[None].contiguous())
        mask = published.mask()
        self.register_buffer("mask", None if mask is None else mask[:, None])

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        if self.pad_q is None or self.pad_k is None or self.pad_v is None:
            x = self.partition(x)
            return self.reverse(self.proj(self.attend(self.q(x), self.k(x), self.v(x))))
        q = self.partition(self.pad(self.q(x)) + self.pad_q)
        k = self.partition(self.pad(self.k(x)) + self.pad_k)
        v = self.partition(self.pad(self.v(x)) + self.pad_v)
        return self.proj(self.reverse(self.attend(q, k, v)))  # not of the padding

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(windows, N, C) three times -> (windows, N, C)."""
        attn = self.products(self.heads(q), self.keys(k)) + self.position_bias
        if self.mask is not None:
            attn = attn + self.mask
        return self.tokens(self.products(attn.softmax(-1), self.heads(v)))

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """A matmul for each window and head: (windows, heads, m, k), (..., k, n) -> (..., m, n)."""
        return a @ b

    def pad(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> the same, to whole windows."""
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
        """(1, H, W, C) -> (windows, N, C), H and W being whole windows."""
        _, h, w, c = x.shape
        if self.shift:
            x = torch.cat((x[:, self.shift :], x[:, : self.shift]), 1)
            x = torch.cat((x[:, :, self.shift :], x[:, :, : self.shift]), 2)
        x = x.reshape(h // self.window, self.window, w // self.window, self.window * c)
        return x.permute(0, 2, 1, 3).reshape(-1, self.window**2, c)

    def reverse(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (1, H, W, C), padding cropped."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        c = x.shape[-1]
        x = x.reshape(hp // self.window, wp // self.window, self.window, self.window * c)
        x = x.permute(0, 2, 1, 3).reshape(1, hp, wp, c)
        if self.shift:
            x = torch.cat((x[:, hp - self.shift :], x[:, : hp - self.shift]), 1)
            x = torch.cat((x[:, :, wp - self.shift :], x[:, :, : wp - self.shift]), 2)
        return x if (h, w) == (hp, wp) else x[:, :h, :w]


def static_windows(module: nn.Module) -> nn.Module | None:
    """Rewrite one WindowAttention."""
    return StaticWindowAttention(module) if type(module) is WindowAttention else None
