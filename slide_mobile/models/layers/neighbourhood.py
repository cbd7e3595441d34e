"""Neighborhood attention: every token attends to its k x k nearest tokens, at borders too.

Paper: https://arxiv.org/abs/2204.07143 (NAT). Origin of names and shapes:
SHI-Labs/Neighborhood-Attention-Transformer @d334f5b (MIT), classification/nat.py and natten. The
state dict has the same keys as the official one.
"""

import torch
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention

__all__ = ["NeighbourhoodAttention", "windows"]


def windows(length: int, k: int) -> Tensor:
    """Return the k positions that each position of a line attends to, (length, k).

    A window that would reach past an end is shifted inwards, so nothing is padded.
    """
    first = (torch.arange(length) - k // 2).clamp(0, length - k)
    return first[:, None] + torch.arange(k)


class NeighbourhoodAttention(Attention):
    """Multi-head attention of each token to its k x k nearest tokens, itself included.

    `rpb` holds one bias per head and offset, (heads, 2k - 1, 2k - 1): near a border, neighbors are
    up to k - 1 tokens away.
    """

    def __init__(self, dim: int, num_heads: int, k: int = 7, *, map_size: tuple[int, int]) -> None:
        super().__init__()
        self.dim, self.num_heads, self.k, self.map_size = dim, num_heads, k, map_size
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.rpb = nn.Parameter(torch.zeros(num_heads, 2 * k - 1, 2 * k - 1))
        nn.init.trunc_normal_(self.rpb, std=0.02)
        self.proj = nn.Linear(dim, dim)

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.k and attention.v on an H x W map."""
        return 2 * h * w * self.k**2 * self.dim

    def bias(self) -> Tensor:
        """Return the bias of each token and neighbor, (heads, H, k, W, k)."""
        rows, columns = (
            windows(n, self.k) - torch.arange(n)[:, None] + self.k - 1 for n in self.map_size
        )
        return self.rpb[:, rows[:, :, None, None], columns[None, None]]

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        b, h, w, c = x.shape
        heads, d = self.num_heads, c // self.num_heads
        rows, columns = windows(h, self.k), windows(w, self.k)
        qkv = self.qkv(x).reshape(b, h, w, 3, heads, d)
        q, k, v = qkv.unbind(3)  # each (B, H, W, heads, d)

        def neighbours(x: Tensor) -> Tensor:  # (B, H, k, W, k, heads, d)
            return x[:, rows][:, :, :, columns]

        logits = torch.einsum("byxhd,byixjhd->byxhij", q * self.scale, neighbours(k))
        logits = logits + self.bias().permute(1, 3, 0, 2, 4)
        attn = logits.flatten(-2).softmax(-1).reshape(logits.shape)
        out = torch.einsum("byxhij,byixjhd->byxhd", attn, neighbours(v))
        return self.proj(out.reshape(b, h, w, c))
