"""Neighborhood attention against its definition, written as loops."""

import pytest
import torch
from torch import Tensor

from slide_mobile.models.layers.neighbourhood import NeighbourhoodAttention, windows


def nearest(i: int, n: int, k: int) -> list[int]:
    """Return the k positions of a line of n that are nearest to i."""
    return sorted(sorted(range(n), key=lambda p: abs(p - i))[:k])


def by_definition(attn: NeighbourhoodAttention, x: Tensor) -> Tensor:
    """Token by token and head by head: (H, W, C) -> (H, W, C)."""
    (h, w, c), heads, k = x.shape, attn.num_heads, attn.k
    q, keys, values = (x @ attn.qkv.weight.T + attn.qkv.bias).reshape(h, w, 3, heads, -1).unbind(2)
    out = torch.zeros(h, w, heads, c // heads)
    for y in range(h):
        for z in range(w):
            around = [(yy, zz) for yy in nearest(y, h, k) for zz in nearest(z, w, k)]
            for head in range(heads):
                logits = [
                    # natten's table: the offset to the neighbor, counted from 1 - k.
                    q[y, z, head] @ keys[yy, zz, head] * (c // heads) ** -0.5
                    + attn.rpb[head, yy - y + k - 1, zz - z + k - 1]
                    for yy, zz in around
                ]
                shares = torch.stack(logits).softmax(0)
                for share, (yy, zz) in zip(shares, around, strict=True):
                    out[y, z, head] += share * values[yy, zz, head]
    return out.reshape(h, w, c) @ attn.proj.weight.T + attn.proj.bias


@pytest.mark.parametrize(("map_size", "k"), [((3, 3), 3), ((4, 6), 3), ((5, 9), 5)])
def test_neighbourhood_attention_is_its_definition(map_size, k, randomised) -> None:
    attn = randomised(NeighbourhoodAttention(8, 2, k, map_size=map_size))
    x = torch.randn(*map_size, 8)
    with torch.no_grad():
        torch.testing.assert_close(attn(x[None])[0], by_definition(attn, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("k", [3, 7])
@pytest.mark.parametrize("length", [7, 8, 14, 15])
def test_a_window_at_a_border_is_shifted_inwards(length: int, k: int) -> None:
    # natten: max(i - r, 0), minus what would reach past the end, with r = k // 2.
    r = k // 2
    first = [max(i - r, 0) - max(i + r + 1 - length, 0) for i in range(length)]
    assert windows(length, k)[:, 0].tolist() == first
    assert windows(length, k).tolist() == [nearest(i, length, k) for i in range(length)]


def test_the_bias_of_a_corner_begins_at_its_own_place(randomised) -> None:
    attn = randomised(NeighbourhoodAttention(8, 2, 3, map_size=(5, 6)))
    bias = attn.bias()  # (heads, H, k, W, k)
    assert torch.equal(bias[:, 0, :, 0], attn.rpb[:, 2:, 2:])
    assert torch.equal(bias[:, 4, :, 5], attn.rpb[:, :3, :3])
    assert torch.equal(bias[:, 2, :, 2], attn.rpb[:, 1:4, 1:4])
