"""Cores of phones, and what memory costs on them."""

import pytest

from slide_mobile.errors import UnknownName
from slide_mobile.lab.cost import caches, cores
from slide_mobile.lab.cost.caches import Cache
from slide_mobile.lab.cost.counting import Traffic


def test_an_unknown_core_is_refused() -> None:
    with pytest.raises(UnknownName, match="no core is named 'a77'; did you mean 'a7"):
        cores.choose("a77")


@pytest.mark.parametrize("core", cores.CORES.values(), ids=str)
def test_caches_grow_and_get_dearer_outwards(core: cores.Core) -> None:
    sizes = [cache.bytes for cache in core.caches]
    prices = [cache.read for cache in core.caches]
    assert sizes == sorted(sizes) and prices == sorted(prices) and len(core.caches) == 3
    assert all(cache.bytes % (64 * cache.ways) == 0 for cache in core.caches)


def test_lines_that_are_claimed_are_written_whole_and_never_read() -> None:
    levels = [Cache(bytes=128, ways=2, read=2, write=3), Cache(bytes=256, ways=2, read=10, write=5)]
    traffic = [Traffic(fills=7, claims=4, write_backs=1), Traffic(fills=1, claims=9, write_backs=2)]
    assert caches.cycles(traffic, levels) == 7 * 2 + 1 * 3 + 1 * 10 + 2 * 5
