"""What moving lines between caches costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.lab.cost.counting import Traffic

LINE_BYTES = 64


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A cache of a core, and the cycles that a line costs between it and the next level.

    `read` is for a line that comes from there and `write` for one that goes there, in a long stream
    that the prefetcher sees coming: a price of bandwidth, not of latency.
    """

    bytes: int
    ways: int
    read: float
    write: float


def cycles(traffic: Sequence[Traffic], caches: Sequence[Cache]) -> float:
    """Cycles that the traffic of all levels costs on top of computing.

    Adding them to the cycles of computing assumes that nothing overlaps.
    """
    levels = zip(traffic, caches, strict=True)
    return sum(
        level.fills * cache.read + level.write_backs * cache.write for level, cache in levels
    )
