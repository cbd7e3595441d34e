"""Multi-head attention between the tokens of maps, in products of rank 3.

    before   q, k, v split from one linear through rank 5, products of rank 4
    after    separate linears, (heads, N, d) @ (heads, d, M), softmax over the last axis

Batch 1 only: the heads take the place of the batch.
"""

import torch
from torch import Tensor

from slide_mobile.deploy.layout import Laid


class TokenMixer(Laid):
    """An attention that computes channels last, in a model of either layout."""

    def forward(self, x: Tensor) -> Tensor:
        """A map in the model's layout -> a map of the same shape."""
        if self.channels_first:
            return self.mix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.mix(x)

    def mix(self, x: Tensor) -> Tensor:
        """Compute the attention: (1, H, W, C) -> (1, H, W, C)."""
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
    """Attend within each of G groups: q (G, N, C), k and v (G, M, C) -> (G, N, C).

    `bias`, (G * heads, N, M), is added to the logits. `in_halves` splits the queries into two
    halves where there is only one group and one head. LiteRT needs that: litert-torch 0.9.4 writes
    the product of a single pair of matrices as a FULLY_CONNECTED with non-constant weights, which
    XNNPACK does not delegate. ExecuTorch must not use it: its XNNPACK partitioner (1.4) does not
    delegate the concatenation of a tensor with itself.
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
    """Split the heads: (G, N, C) -> (G * heads, N, d)."""
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2).flatten(0, 1)
