"""Attention inside stripes of the map: half of the heads use vertical stripes, half horizontal.

Paper: https://arxiv.org/abs/2107.00652 (CSWin). Origin of names and shapes:
microsoft/CSWin-Transformer @f111ae2 (MIT), models/cswin.py, and
segmentation/backbone/cswin_transformer.py for maps that the stripes do not divide. The state dict
has the same keys as the official one.
"""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention, Block, Mlp

__all__ = ["CrossWindowBlock", "StripeAttention"]


class StripeAttention(Attention):
    """Attention inside windows of one size, plus a positional encoding of the values (LePE).

    `get_v` computes that encoding: a depthwise convolution of the values inside each window, with
    zeros around the window. If the windows do not divide the map, q, k and v are padded with zeros,
    half on each side, and the padding is not masked. The official segmentation code does the same;
    the official classification code rejects such sizes.
    """

    def __init__(
        self, dim: int, num_heads: int, window: tuple[int, int], *, map_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.dim, self.num_heads, self.window, self.map_size = dim, num_heads, window, map_size
        self.scale = (dim // num_heads) ** -0.5
        (h, w), (rows, columns) = map_size, window
        # Height and width after padding to whole windows.
        self.padded_size = (-(-h // rows) * rows, -(-w // columns) * columns)
        self.get_v = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.k and attention.v on an H x W map."""
        return 2 * self.padded_size[0] * self.padded_size[1] * prod(self.window) * self.dim

    def origin(self) -> tuple[int, int]:
        """Return the number of padding rows above the map, and of padding columns to its left."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        return (hp - h) // 2, (wp - w) // 2

    def pad(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H', W', C), padded with zeros to whole windows."""
        (h, w), (hp, wp), (top, left) = self.map_size, self.padded_size, self.origin()
        return F.pad(x, (0, 0, left, wp - w - left, top, hp - h - top))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, H, W, C) three times -> (B, H, W, C)."""
        (h, w), (hp, wp), (rows, columns) = self.map_size, self.padded_size, self.window
        (b, *_, c), heads = q.shape, self.num_heads

        def windows(x: Tensor) -> Tensor:  # (B * windows, rows, columns, C)
            x = self.pad(x).reshape(b, hp // rows, rows, wp // columns, columns, c)
            return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, rows, columns, c)

        def split(x: Tensor) -> Tensor:  # (B * windows, heads, N, d)
            return x.reshape(x.shape[0], rows * columns, heads, c // heads).transpose(1, 2)

        values = windows(v)
        encoded = self.get_v(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        attn = (split(windows(q)) * self.scale) @ split(windows(k)).transpose(-2, -1)
        out = (attn.softmax(-1) @ split(values)).transpose(1, 2).reshape(encoded.shape) + encoded
        out = out.reshape(b, hp // rows, wp // columns, rows, columns, c)
        out = out.permute(0, 1, 3, 2, 4, 5).reshape(b, hp, wp, c)
        top, left = self.origin()
        return out[:, top : top + h, left : left + w]


class CrossWindowBlock(Block):
    """A block whose attention is two halves: upright stripes, `split` wide, and level ones.

    With `whole`, or where the map is one window, all heads attend to the whole map.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        split: int,
        *,
        map_size: tuple[int, int],
        mlp_ratio: float = 4.0,
        whole: bool = False,
    ) -> None:
        super().__init__(dim, None, Mlp(dim, int(dim * mlp_ratio)))
        h, w = map_size
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        whole = whole or (h, w) == (split, split)
        windows = [(h, w)] if whole else [(h, split), (split, w)]
        shares = len(windows)
        self.attns = nn.ModuleList(
            StripeAttention(dim // shares, num_heads // shares, window, map_size=map_size)
            for window in windows
        )

    def mix(self, x: Tensor) -> Tensor:
        """Apply the attention to the normalized map."""
        parts = [part.chunk(len(self.attns), -1) for part in self.qkv(x).chunk(3, -1)]
        shares = zip(*parts, strict=True)
        found = [attn(*share) for attn, share in zip(self.attns, shares, strict=True)]
        return self.proj(torch.cat(found, -1))
