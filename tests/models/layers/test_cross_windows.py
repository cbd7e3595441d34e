"""Cross-shaped windows against their definition, stripe by stripe."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.cross_windows import CrossWindowBlock, StripeAttention


def in_a_window(q: Tensor, k: Tensor, v: Tensor, heads: int, encoding: nn.Conv2d) -> Tensor:
    """(rows, columns, C) three times -> (rows, columns, C)."""
    rows, columns, c = q.shape
    parts = [x.reshape(rows * columns, heads, c // heads).transpose(0, 1) for x in (q, k, v)]
    attended = F.scaled_dot_product_attention(*parts).transpose(0, 1).reshape(rows, columns, c)
    # LePE: a depthwise convolution with zeros outside the window.
    around = F.pad(v, (0, 0, 1, 1, 1, 1))
    encoded = encoding.bias.expand(rows, columns, c).clone()
    for dy in range(3):
        for dx in range(3):
            encoded += around[dy : dy + rows, dx : dx + columns] * encoding.weight[:, 0, dy, dx]
    return attended + encoded


def stripes(attn: StripeAttention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """(H, W, C) three times -> (H, W, C), window after window."""
    (h, w, _), (rows, columns) = q.shape, attn.window
    down, across = -h % rows, -w % columns  # zeros that are missing; the odd one comes last
    edges = (0, 0, across // 2, across - across // 2, down // 2, down - down // 2)
    q, k, v = (F.pad(x, edges) for x in (q, k, v))
    out = torch.full_like(q, torch.nan)
    for top in range(0, q.shape[0], rows):
        for left in range(0, q.shape[1], columns):
            at = (slice(top, top + rows), slice(left, left + columns))
            out[at] = in_a_window(q[at], k[at], v[at], attn.num_heads, attn.get_v)
    return out[down // 2 : down // 2 + h, across // 2 : across // 2 + w]


SIZES = [((4, 6), (4, 2)), ((4, 6), (2, 6)), ((5, 7), (5, 4)), ((5, 7), (3, 7)), ((3, 4), (3, 4))]


@pytest.mark.parametrize(("map_size", "window"), SIZES)
def test_stripe_attention_is_its_definition(map_size, window, randomised) -> None:
    attn = randomised(StripeAttention(8, 2, window, map_size=map_size))
    q, k, v = torch.randn(3, *map_size, 8)
    with torch.no_grad():
        found = attn(q[None], k[None], v[None])[0]
        torch.testing.assert_close(found, stripes(attn, q, k, v), rtol=1e-5, atol=1e-5)


def test_a_block_has_one_half_of_its_heads_upright_and_one_level(randomised) -> None:
    block = randomised(CrossWindowBlock(16, 4, 2, map_size=(5, 6)))
    upright, level = block.attns
    assert (upright.window, level.window) == ((5, 2), (2, 6))
    assert (upright.num_heads, level.num_heads) == (2, 2)
    x = torch.randn(5, 6, 16)
    with torch.no_grad():
        # The rows of qkv are [q|k|v][half][head].
        q, k, v = block.qkv(block.norm1(x)).split(16, -1)
        halves = [
            stripes(attn, q[..., at], k[..., at], v[..., at])
            for attn, at in zip(block.attns, (slice(0, 8), slice(8, 16)), strict=True)
        ]
        mixed = x + block.proj(torch.cat(halves, -1))
        expected = mixed + block.mlp(block.norm2(mixed))
        torch.testing.assert_close(block(x[None])[0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("map_size", "whole"), [((5, 6), True), ((4, 4), False)])
def test_all_heads_of_the_last_stage_see_the_whole_map(map_size, whole, randomised) -> None:
    block = randomised(CrossWindowBlock(16, 4, 4, map_size=map_size, whole=whole))
    (attn,) = block.attns
    assert (attn.window, attn.num_heads) == (map_size, 4)
    x = torch.randn(*map_size, 16)
    with torch.no_grad():
        parts = block.qkv(x).split(16, -1)
        expected = block.proj(in_a_window(*parts, 4, attn.get_v))
        torch.testing.assert_close(block.mix(x[None])[0], expected, rtol=1e-5, atol=1e-5)
