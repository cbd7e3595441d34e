"""Multi-head attention between the tokens of maps, in products of rank 3.

    before   q, k, v split from one linear through rank 5, products of rank 4
    after    planar linears, (heads, N, d) @ (heads, d, M), softmax over the last axis

Batch 1 only: the heads take the place of the batch.
"""

import torch
from torch import Tensor, nn


class TokenAttention(nn.Module):
    """Projections of channels-last maps, and the products between their tokens."""

    num_heads: int

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """(G, N, C), (G, M, C) twice -> (G, N, C); tokens of each of G groups among themselves.

        `bias` is added to the logits, (G * heads, N, M).
        """
        logits = torch.bmm(self.heads(q), self.heads(k).transpose(1, 2))
        if bias is not None:
            logits = logits + bias
        out = torch.bmm(logits.softmax(-1), self.heads(v))
        out = out.reshape(q.shape[0], self.num_heads, q.shape[1], -1)
        return out.transpose(1, 2).reshape(q.shape)

    def heads(self, x: Tensor) -> Tensor:
        """(G, N, C) -> (G * heads, N, d)."""
        x = x.reshape(x.shape[0], x.shape[1], self.num_heads, -1)
        return x.transpose(1, 2).flatten(0, 1)
