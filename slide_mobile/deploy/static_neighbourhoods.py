"""Neighborhood attention of rank <= 4, in dense products.

    before   keys and values gathered for every token, k * k-fold, through rank 7
    after    tiles of queries, each with all keys that any of its tokens attends to:
             q.k + bias (tiles * heads, N, M), a constant that masks keys that are not neighbors

A tile of k x k tokens sees at most (2k - 1) x (2k - 1) keys. That is 3.4 times the products that
are needed, but they are dense. A map with sides of at most 2k is one tile, which costs no more.
Masked logits are so low that their softmax weight is zero in every number format.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slide_mobile.deploy.split_taps import linear
from slide_mobile.deploy.token_attention import TokenMixer, attend
from slide_mobile.models.layers.neighbourhood import NeighbourhoodAttention, windows

RULED_OUT = -1e4  # the logit of a masked key; fits fp16
AT_ONCE = 4  # tensors in one concatenation; XNNPACK takes no more


@dataclass(frozen=True)
class Cuts:
    """Intervals of equal length along one side of a map; they may overlap."""

    starts: tuple[int, ...]
    length: int

    def positions(self) -> Tensor:
        """Return the positions in each interval, (pieces, length)."""
        return torch.tensor(self.starts)[:, None] + torch.arange(self.length)

    def overlaps(self) -> tuple[int, ...]:
        """Return how many positions each interval shares with the one before; 0 for the first."""
        ends = (0, *(start + self.length for start in self.starts))
        return tuple(end - start for end, start in zip(ends, self.starts, strict=False))


def cut(n: int, k: int) -> tuple[Cuts, Cuts]:
    """Cut a side of n tokens into intervals of queries, and the keys that each of them sees."""
    if n <= 2 * k:
        return Cuts((0,), n), Cuts((0,), n)
    starts = tuple(min(start, n - k) for start in range(0, n, k))
    seen = tuple(min(max(start - k // 2, 0), n - 2 * k + 1) for start in starts)
    return Cuts(starts, k), Cuts(seen, 2 * k - 1)


class StaticNeighbourhoods(TokenMixer):
    """Attention of each token of a (1, H, W, C) map to its k x k nearest tokens."""

    bias: Tensor

    def __init__(self, published: NeighbourhoodAttention) -> None:
        super().__init__()
        self.num_heads = published.num_heads
        weights, biases = published.qkv.weight.chunk(3), published.qkv.bias.chunk(3)
        self.q = linear(weights[0] * published.scale, biases[0] * published.scale)
        self.k, self.v = linear(weights[1], biases[1]), linear(weights[2], biases[2])
        self.proj = published.proj
        self.down, self.across = (cut(n, published.k) for n in published.map_size)
        self.register_buffer("bias", self._bias(published))

    def mix(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        q = tiles(self.q(x), self.down[0], self.across[0])
        k, v = (tiles(y, self.down[1], self.across[1]) for y in (self.k(x), self.v(x)))
        in_halves = not self.channels_first
        found = attend(q, k, v, self.num_heads, self.bias, in_halves=in_halves)
        return self.proj(self.join(found))

    def join(self, x: Tensor) -> Tensor:
        """Put the tiles together: (tiles, N, C) -> (1, H, W, C)."""
        rows, columns = self.down[0], self.across[0]
        if len(rows.starts) == len(columns.starts) == 1:
            return x.reshape(1, rows.length, columns.length, -1)
        x = x.reshape(-1, rows.length, columns.length, x.shape[-1])
        count = len(rows.starts)
        stripes = []
        for i, left in enumerate(columns.overlaps()):
            # Slices, because XNNPACK's ExecuTorch partitioner takes no split or select.
            pieces = [
                x[i * count + j : i * count + j + 1, above:, left:]
                for j, above in enumerate(rows.overlaps())
            ]
            stripes.append(joined(pieces, 1))
        return joined(stripes, 2)

    def _bias(self, published: NeighbourhoodAttention) -> Tensor:
        """Return the bias of the logits, (tiles * heads, N, M), low for keys that are masked."""
        sides = zip((self.down, self.across), published.map_size, strict=True)
        (rows, near_rows), (columns, near_columns) = (
            _offsets(*pair, n, published.k) for pair, n in sides
        )
        found = []
        for i in range(len(columns)):
            for j in range(len(rows)):
                offsets = (rows[j][:, None, :, None], columns[i][None, :, None, :])
                near = near_rows[j][:, None, :, None] & near_columns[i][None, :, None, :]
                bias = published.rpb[:, offsets[0], offsets[1]]  # (heads, n, n, m, m)
                bias = torch.where(near, bias, torch.tensor(RULED_OUT))
                found.append(bias.flatten(3, 4).flatten(1, 2))
        return torch.cat(found)


def tiles(x: Tensor, rows: Cuts, columns: Cuts) -> Tensor:
    """Cut a map into tiles: (1, H, W, C) -> (tiles, N, C), column after column."""
    for axis, cuts in ((1, rows), (2, columns)):
        if len(cuts.starts) > 1:
            x = joined([x.narrow(axis, start, cuts.length) for start in cuts.starts], 0)
    return x.flatten(1, 2)


def joined(pieces: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenate the pieces, at most AT_ONCE tensors in one operation."""
    while len(pieces) > 1:
        groups = [pieces[i : i + AT_ONCE] for i in range(0, len(pieces), AT_ONCE)]
        pieces = [g[0] if len(g) == 1 else torch.cat(tuple(g), axis) for g in groups]
    return pieces[0]


def _offsets(queries: Cuts, keys: Cuts, n: int, k: int) -> tuple[Tensor, Tensor]:
    """(pieces, N, M) twice: indices into the bias table, and whether a key is a neighbor."""
    at, seen = queries.positions()[:, :, None], keys.positions()[:, None, :]
    first = windows(n, k)[:, 0][at]
    near = (first <= seen) & (seen < first + k)
    return (seen - at + k - 1).clamp(0, 2 * k - 2), near


@torch.no_grad()
def static_neighbourhoods(module: nn.Module) -> nn.Module | None:
    """Return a StaticNeighbourhoods for a NeighbourhoodAttention, None for any other module."""
    return StaticNeighbourhoods(module) if type(module) is NeighbourhoodAttention else None
