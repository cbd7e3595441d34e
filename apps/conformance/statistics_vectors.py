"""Latencies, and what slide_mobile computes from them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from slide_mobile.bench import statistics

Json = dict[str, Any]


def cases() -> Json:
    """Give `summaries` and `sustained`."""
    return {
        "summaries": [_summary_case(*case) for case in _series()],
        "sustained": [
            _sustained_case(samples) for samples in (latencies(60, 200.0), latencies(7, 990.0))
        ],
    }


def _series() -> Iterator[tuple[str, list[float], str, str]]:
    """Name, samples, heat before and after."""
    steady = latencies(50, 5.0)
    yield "steady", steady, "nominal", "fair"
    yield "even number of runs", latencies(30, 3.0), "unknown", "unknown"
    yield "odd number of runs", latencies(31, 3.0), "unknown", "unknown"
    yield "all equal", [2.5] * 40, "nominal", "nominal"
    yield "too few runs", steady[:29], "nominal", "nominal"
    yield "one run", [7.25], "unknown", "unknown"
    yield "three runs have no quarters", [7.0, 7.25, 7.5], "unknown", "unknown"
    yield "a spread of just under 10 %", [10.0] * 44 + [10.99] * 6, "fair", "fair"
    yield "a spread of just over 10 %", [10.0] * 44 + [11.01] * 6, "fair", "fair"
    yield "rare and far outliers are no spread", [10.0] * 57 + [50.0] * 3, "fair", "fair"
    yield "slower by a little less than 10 %", [10.0] * 30 + [10.99] * 10, "fair", "fair"
    yield "slowed down", [10.0] * 41 + [11.5] * 19, "nominal", "fair"
    climbing = [round(10 + 0.026 * run, 6) for run in range(60)]
    yield "slowed down bit by bit, within the spread", climbing, "nominal", "fair"
    yield "faster at the end is no slowdown", [11.5] * 19 + [10.0] * 41, "nominal", "nominal"
    yield "throttled", steady, "nominal", "serious"
    yield "hot from the start", steady, "serious", "serious"
    yield "cooled down", steady, "critical", "fair"
    yield "unknown, then hot", steady, "unknown", "critical"
    yield "one run too few for a p99", _wave(999), "nominal", "nominal"
    yield "as many as a p99 takes", _wave(1000), "nominal", "nominal"
    yield "everything at once", [1.0] * 15 + [1.625] * 14, "fair", "critical"


def _summary_case(name: str, samples: list[float], before: Any, after: Any) -> Json:
    found = statistics.summary(samples)
    reasons = statistics.why_invalid(samples, before=before, after=after)
    return {
        "name": name,
        "samples_ms": samples,
        "thermal_before": before,
        "thermal_after": after,
        **vars(found),
        "spread": found.spread,
        "slowdown": statistics.slowdown(samples),
        "valid": not reasons,
        "why_invalid": reasons,
    }


def _sustained_case(samples: list[float]) -> Json:
    ends = np.cumsum(np.asarray(samples) + 0.5) / 1e3  # half a millisecond between two
    curve = statistics.by_second(ends.tolist(), samples)
    points = msgspec.to_builtins(curve)
    return {"end_seconds": ends.tolist(), "samples_ms": samples, "sustained": points}


def _wave(count: int) -> list[float]:
    """Many latencies in few characters."""
    return [(50 + run * 37 % 5) / 10 for run in range(count)]


def latencies(count: int, around: float) -> list[float]:
    """Draw latencies as a phone has them, in milliseconds: most near the least, some above."""
    drawn = around * (1 + 0.02 * np.random.default_rng(count).standard_gamma(2.0, count))
    return [round(float(value), 6) for value in drawn]
