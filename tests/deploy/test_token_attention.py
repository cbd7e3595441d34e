"""Attention of the later stages in products of rank 3, against the reference."""

import copy
from collections.abc import Callable

import pytest
import torch
from exactness import assert_same, assert_turned
from torch import Tensor, nn

from slide_mobile.deploy.rewriting import apply, rewrites
from slide_mobile.deploy.static_neighbourhoods import (
    StaticNeighbourhoods,
    cut,
    static_neighbourhoods,
)
from slide_mobile.deploy.static_reductions import StaticReduction, static_reductions
from slide_mobile.deploy.static_stripes import StaticCross, static_stripes
from slide_mobile.deploy.token_attention import attend
from slide_mobile.models.layers.backbone import Block, Mlp
from slide_mobile.models.layers.cross_windows import CrossWindowBlock
from slide_mobile.models.layers.neighbourhood import NeighbourhoodAttention, windows
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.layers.spatial_reduction import SpatialReduction
from slide_mobile.models.slide_pvt_v2 import ConvMlp

Randomised = Callable[..., nn.Module]
Size = tuple[int, int]


def tokens(*map_size: int) -> Tensor:
    return torch.randn(1, *map_size, 12, generator=torch.Generator().manual_seed(1))


def greatest_rank(module: nn.Module, x: Tensor) -> int:
    program = torch.export.export(module, (x,))
    values = [node.meta["val"] for node in program.graph.nodes if "val" in node.meta]
    flat = [t for v in values for t in (v if isinstance(v, list | tuple) else (v,))]
    return max(t.ndim for t in flat if isinstance(t, Tensor))


@pytest.mark.parametrize("map_size", [(4, 8), (7, 9), (1, 13)])
@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_static_reductions_is_exact(map_size: Size, ratio: int, randomised: Randomised) -> None:
    ratio = min(ratio, *map_size)  # a row of tokens is never reduced
    old = randomised(SpatialReduction(12, 3, ratio))
    new = static_reductions(copy.deepcopy(old))
    assert isinstance(new, StaticReduction)
    assert_same(new, old, tokens(*map_size))
    assert greatest_rank(new, tokens(*map_size)) == 4


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("queries", "in_halves"), [(8, True), (9, True), (8, False)])
def test_one_head_attends_as_one_of_several(queries: int, in_halves: bool, biased: bool) -> None:
    draw = torch.Generator().manual_seed(2)
    q, k, v = (torch.randn(1, n, 6, generator=draw) for n in (queries, 5, 5))
    bias = torch.randn(1, queries, 5, generator=draw) if biased else None
    found = attend(q, k, v, 1, bias, in_halves=in_halves)
    both = (torch.cat((x, x), -1) for x in (q, k, v))
    expected = attend(*both, 2, bias, in_halves=in_halves)
    assert_same(lambda x: found, lambda x: expected[..., :6], q)


STRIPES = {
    "divided": ((4, 6), 2, False),
    "columns padded": ((5, 7), 5, False),
    "both padded": ((5, 7), 3, False),
    "one stripe each way, wider than the map": ((3, 5), 7, False),
    "whole map": ((5, 7), 2, True),
    "whole, being a window": ((4, 4), 4, False),
    "a row": ((1, 9), 2, False),
}


@pytest.mark.parametrize("kind", STRIPES)
def test_static_stripes_is_exact(kind: str, randomised: Randomised) -> None:
    map_size, split, whole = STRIPES[kind]
    old = randomised(CrossWindowBlock(12, 6, split, map_size=map_size, whole=whole))
    new = static_stripes(copy.deepcopy(old))
    assert isinstance(new.attn, StaticCross)
    assert len(new.attn.attns) == 1 + (not whole and map_size != (split, split))
    assert_same(new, old, tokens(*map_size))
    assert_same(new.attn, old.mix, tokens(*map_size))
    assert greatest_rank(new, tokens(*map_size)) == 4


MAPS = {  # of k = 3: map, tiles
    "as large as a neighbourhood": ((3, 3), 1),
    "smaller than two": ((5, 4), 1),
    "two": ((6, 6), 1),
    "more than two, not whole": ((7, 8), 9),
    "whole tiles": ((9, 12), 12),
    "low and wide": ((3, 20), 7),
    "narrow and high": ((17, 4), 6),
}


@pytest.mark.parametrize("kind", MAPS)
def test_static_neighbourhoods_is_exact(kind: str, randomised: Randomised) -> None:
    map_size, tiles = MAPS[kind]
    old = randomised(NeighbourhoodAttention(12, 3, 3, map_size=map_size))
    new = static_neighbourhoods(copy.deepcopy(old))
    assert isinstance(new, StaticNeighbourhoods)
    assert new.bias.shape[0] == tiles * 3
    assert_same(new, old, tokens(*map_size))
    assert greatest_rank(new, tokens(*map_size)) == 4


def test_static_neighbourhoods_is_exact_for_the_published_size(randomised: Randomised) -> None:
    for map_size, tiles in (((7, 7), 1), ((14, 14), 1), ((15, 28), 12)):
        old = randomised(NeighbourhoodAttention(12, 3, 7, map_size=map_size))
        new = static_neighbourhoods(copy.deepcopy(old))
        assert new.bias.shape[0] == tiles * 3
        assert_same(new, old, tokens(*map_size))


@pytest.mark.parametrize("k", [3, 5, 7])
@pytest.mark.parametrize("extra", range(16))
def test_every_token_is_in_a_tile_beside_all_its_neighbours(k: int, extra: int) -> None:
    n = k + extra
    queries, keys = cut(n, k)
    near = windows(n, k)
    seen = set()
    for tile, beside in zip(queries.positions().tolist(), keys.positions().tolist(), strict=True):
        seen |= set(tile)
        assert all(set(near[token].tolist()) <= set(beside) for token in tile)
        assert min(beside) >= 0 and max(beside) < n
    assert seen == set(range(n))
    # Without their overlaps, the intervals cover the side exactly once.
    assert sum(queries.length - overlap for overlap in queries.overlaps()) == n


def attentions(map_size: Size) -> dict[str, nn.Module]:
    return {
        "slide": Block(12, SlideAttention(12, 3, lepe=True), Mlp(12, 24)),
        "slide, scaled": Block(12, SlideAttention(12, 3), Mlp(12, 24), layer_scale=0.5),
        "reduction": Block(12, SpatialReduction(12, 3, 2), ConvMlp(12, 24), eps=1e-6),
        "no reduction": Block(12, SpatialReduction(12, 3, 1), Mlp(12, 24), eps=1e-6),
        "stripes": CrossWindowBlock(12, 6, 3, map_size=map_size),
        "whole map": CrossWindowBlock(12, 6, 3, map_size=map_size, whole=True),
        "neighbourhoods": Block(
            12, NeighbourhoodAttention(12, 3, 3, map_size=map_size), Mlp(12, 24), layer_scale=0.5
        ),
    }


@pytest.mark.parametrize("kind", attentions((5, 8)))
def test_a_block_in_deploy_form_is_exact_in_either_layout(
    kind: str, randomised: Randomised
) -> None:
    """Apply all rewrites: gamma, beta and centering must reach every reader of a norm."""
    old = randomised(attentions((5, 8))[kind])
    new = copy.deepcopy(old)
    for rewrite in rewrites():
        new = apply(rewrite, new)
    assert not any(isinstance(part, nn.LayerNorm) for part in new.modules())
    # The means are three deviations, and the norms have to subtract them.
    x = tokens(5, 8) + 3 * torch.randn(1, 5, 8, 1)
    assert_same(new, old, x)
    assert_turned(new, x)
