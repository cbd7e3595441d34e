"""Multi-head attention between the tokens of maps, in products of rank 3.

    before   q, k, v split from one linear through rank 5, products of rank 4
    after    planar linears, (heads, N, d) @ (heads, d, M), softmax over the last axis

Batch 1 only: the heads take the place of the batch.
"""

import torch
from torch import Tensor

from slide_mobile.deploy.layout import Laid


class TokenMixer(Laid):
    """An attention whose own maps are channels last, in either layout around it."""

    def forward(self, x: Tensor) -> Tensor:
        """A map in the layout around -> a map of the same shape."""
        if self.channels_first:
            return self.mix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.mix(x)

    def mix(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        raise NotImplementedError


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    num_heads: int,
    bias: Tensor | None = None,
    *,
    in_halves: bool,
) -> Tensor:
    """(G, N, C), (G, M, C) twice -> (G, N, C); tokens of each of G groups among themselves.

    `bias` is added to the logits, (G * heads, N, M). With `in_halves` one head of one group takes
    half of its queries at a time: litert-torch 0.9.4 makes of a product of one pair of matrices a
    FULLY_CONNECTED whose weights are no constant, and XNNPACK leaves it outside. ExecuTorch's
    XNNPACK (1.4) has no such trouble, and leaves out what joins a tensor to itself.
    """
    queries, keys, values = (_heads(x, num_heads) for x in (q, k, v))
    n = q.shape[1]
    if in_halves and len(queries) == 1 and n % 2 == 0:
        queries = queries.reshape(2, n // 2, -1)
        keys, values = torch.cat((keys, keys)), torch.cat((values, values))
        bias = bias if bias is None else bias.reshape(2, n // 2, -1)
    logits = torch.bmm(queries, keys.transpose(1, 2))
    if bias is not None:
        logits = logits + bias
    out = torch.bmm(logits.softmax(-1), values)
    out = out.reshape(q.shape[0], num_heads, n, -1)
    return out.transpose(1, 2).reshape(q.shape)


def _heads(x: Tensor, count: int) -> Tensor:
    """(G, N, C) -> (G * heads, N, d)."""
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2).flatten(0, 1)
