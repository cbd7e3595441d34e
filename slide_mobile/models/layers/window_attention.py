"""Attention inside shifted square windows, as published in Swin.

Paper: https://arxiv.org/abs/2103.14030. Origin of names and shapes: microsoft/Swin-Transformer
@f82860b. The state dict has the same keys as the official one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention

__all__ = ["WindowAttention"]


def relative_position_index(window: int) -> Tensor:
    """Return the index of each pair of tokens in the bias table, (N, N) with N = window ** 2."""
    side = torch.arange(window)
    # Tokens are numbered as if a row had 2 * window - 1 of them, one per possible offset, so that
    # two different offsets never have the same difference.
    flat = (side[:, None] * (2 * window - 1) + side).flatten()
    return flat[:, None] + 2 * window * (window - 1) - flat


def window_partition(x: Tensor, window: int) -> Tensor:
    """(B, H, W, C) -> (B * windows, window * window, C)."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, c)


def window_reverse(windows: Tensor, window: int, h: int, w: int) -> Tensor:
    """(B * windows, window * window, C) -> (B, H, W, C)."""
    x = windows.reshape(-1, h // window, w // window, window, window, windows.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, windows.shape[-1])


def shift_mask(h: int, w: int, window: int, shift: int) -> Tensor:
    """Return the mask (windows, N, N): -100 between tokens that only the cyclic shift joins."""
    region = torch.zeros(1, h, w, 1)
    cuts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    for i, rows in enumerate(cuts):
        for j, columns in enumerate(cuts):
            region[:, rows, columns, :] = 3 * i + j
    ids = window_partition(region, window).squeeze(-1)
    return torch.where(ids[:, None, :] == ids[:, :, None], 0.0, -100.0)


class WindowAttention(Attention):
    """Multi-head attention inside square windows, cyclically shifted by `shift` tokens.

    If the window does not divide the map, the map is padded with zeros at the bottom and at the
    right before the qkv linear, and the padding is not masked. Swin's detection code does the same
    (SwinTransformer of mmdetection); its classification code rejects such sizes.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window: int,
        *,
        map_size: tuple[int, int],
        shift: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.num_heads, self.window, self.shift = dim, num_heads, window, shift
        self.scale = (dim // num_heads) ** -0.5
        self.map_size = map_size
        # Height and width after padding to whole windows.
        self.padded_size = (-(-map_size[0] // window) * window, -(-map_size[1] // window) * window)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * window - 1) ** 2, num_heads)
        )
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(window))

    def mask(self) -> Tensor | None:
        """Return the mask of a shifted block, (windows, N, N), or None without a shift."""
        return shift_mask(*self.padded_size, self.window, self.shift) if self.shift else None

    def position_bias(self) -> Tensor:
        """Gather the position bias from the table, (heads, N, N)."""
        n = self.window**2
        index = self.relative_position_index.reshape(-1)
        return self.relative_position_bias_table[index].reshape(n, n, -1).permute(2, 0, 1)

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.k and attention.v on an H x W map."""
        return 2 * self.padded_size[0] * self.padded_size[1] * self.window**2 * self.dim

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B * windows, N, C) -> (B * windows, N, C)."""
        windows, n, c = x.shape
        qkv = self.qkv(x).reshape(windows, n, 3, self.num_heads, c // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (windows, heads, N, d)
        attn = (q * self.scale) @ k.transpose(-2, -1) + self.position_bias()
        if mask is not None:
            attn = attn.reshape(-1, mask.shape[0], self.num_heads, n, n) + mask[None, :, None]
            attn = attn.reshape(windows, self.num_heads, n, n)
        return self.proj((attn.softmax(-1) @ v).transpose(1, 2).reshape(windows, n, c))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        (h, w), (hp, wp) = self.map_size, self.padded_size
        x = F.pad(x, (0, 0, 0, wp - w, 0, hp - h))
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
        x = window_reverse(self.attend(window_partition(x, self.window), mask), self.window, hp, wp)
        if self.shift:
            x = x.roll((self.shift, self.shift), dims=(1, 2))
        return x[:, :h, :w]
