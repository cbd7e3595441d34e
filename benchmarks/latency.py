"""Latency side by side: everything in one process, one thread, in turn, medians."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from slide_mobile.bench import statistics
from slide_mobile.bench.statistics import MAX_SPREAD as MAX_SPREAD

WARM_UP = 3

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Of one candidate, in milliseconds."""

    p50_ms: float
    p90_ms: float

    @property
    def valid(self) -> bool:
        """Whether the spread is small enough to believe the median."""
        return self.p90_ms <= MAX_SPREAD * self.p50_ms


def interleaved(calls: Mapping[K, Callable[[], object]], *, runs: int) -> dict[K, Latency]:
    """Time the calls in turn, so that a drift of the machine touches all alike."""
    taken: dict[K, list[float]] = {name: [] for name in calls}
    for turn in range(WARM_UP + runs):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= WARM_UP:
                taken[name].append(1e3 * (time.perf_counter() - started))
    return {
        name: Latency(
            p50_ms=round(statistics.percentile(values, 50), 3),
            p90_ms=round(statistics.percentile(values, 90), 3),
        )
        for name, values in taken.items()
    }
