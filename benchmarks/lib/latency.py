"""Latency of calls side by side: one process, in turn, medians.

`slide_mobile.bench` measures artifacts. This is for what has no artifact: single modules, and the
published graphs, which have no deploy form.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from slide_mobile.bench import statistics

WARM_UP = 3

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Percentiles of one call, in milliseconds."""

    p50_ms: float
    p90_ms: float

    @property
    def valid(self) -> bool:
        """Whether the spread is small enough to believe the median."""
        return self.p90_ms <= statistics.MAX_SPREAD * self.p50_ms


def interleaved(calls: Mapping[K, Callable[[], object]], *, runs: int) -> dict[K, Latency]:
    """The latency of each call; they take turns, so that a drift of the machine affects all."""
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
