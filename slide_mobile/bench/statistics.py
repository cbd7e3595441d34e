"""What a list of latencies says, and whether to believe it.

The apps compute the same in Swift and Kotlin; apps/conformance/statistics.json holds all three to
each other.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slide_mobile.artifact.documents import Count, Positive

Latency = Annotated[float, Meta(gt=0, le=1e9)]  # milliseconds
Samples = Sequence[float]  # milliseconds, in the order in which they were taken
Turns = Sequence[Sequence[float]]  # (turns, runs per turn), milliseconds
Thermal = Literal["nominal", "fair", "serious", "critical", "unknown"]

PERCENTILES = ("p50_ms", "p90_ms", "p99_ms", "mean_ms")  # the fields of a `Summary`
OF_EVERY_RUN = ("p50_ms", "p90_ms", "mean_ms")
MIN_RUNS_OF_P99 = 1000  # ten runs beyond it; with fewer, it is the noise of one or two
MAX_SPREAD = 1.10  # p90 over p50; beyond it the machine was too noisy
MAX_SLOWDOWN = 1.10  # median of the last quarter of the runs over that of the first quarter
MIN_RUNS = 30
THROTTLED = frozenset({"serious", "critical"})  # phones lower their clocks in these states


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Percentiles and mean of one model's latencies, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float | None  # of fewer than MIN_RUNS_OF_P99 runs there is none
    mean_ms: float

    @property
    def spread(self) -> float:
        """p90 over p50."""
        return self.p90_ms / self.p50_ms


class SustainedPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The median of the inferences that ended in one second of a sustained run."""

    second: Count
    p50_ms: Latency
    runs: Positive


def percentile(samples: Samples, percent: float) -> float:
    """Interpolate linearly at position (n - 1) * percent / 100 of the sorted samples.

    numpy.percentile gives the same. It is written out because Swift and Kotlin do the same.
    """
    ordered = sorted(samples)
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(samples: Samples) -> float:
    """The 50th percentile."""
    return percentile(samples, 50)


def summary(samples: Samples) -> Summary:
    """Percentiles and mean of at least one sample."""
    p50, p90 = (percentile(samples, percent) for percent in (50, 90))
    p99 = percentile(samples, 99) if len(samples) >= MIN_RUNS_OF_P99 else None
    return Summary(p50_ms=p50, p90_ms=p90, p99_ms=p99, mean_ms=math.fsum(samples) / len(samples))


def slowdown(samples: Samples) -> float | None:
    """Median of the last quarter of the runs over that of the first; None for fewer than four."""
    quarter = len(samples) // 4
    if quarter == 0:
        return None
    return median(samples[-quarter:]) / median(samples[:quarter])


def slower_percent(now: float, before: float) -> float:
    """How many percent slower `now` is than `before`; negative if it is faster."""
    return 100 * (now / before - 1)


def why_invalid_sustained(samples: Samples) -> list[str]:
    """Reasons not to trust a sustained run: to slow down in it, or to get hot, is its result."""
    if len(samples) < MIN_RUNS:
        return [f"{len(samples)} runs are fewer than {MIN_RUNS}"]
    return []


def why_invalid(
    samples: Samples, *, before: Thermal = "unknown", after: Thermal = "unknown"
) -> list[str]:
    """Reasons not to trust these latencies; none if they are good.

    `before` and `after` are thermal states: a phone that is hot at either end ran with lowered
    clocks.
    """
    reasons = []
    if len(samples) < MIN_RUNS:
        reasons.append(f"{len(samples)} runs are fewer than {MIN_RUNS}")
    if samples and (spread := summary(samples).spread) > MAX_SPREAD:
        reasons.append(f"spread of {_percent(spread)} % is over {_percent(MAX_SPREAD, 0)} %")
    if (slower := slowdown(samples)) is not None and slower > MAX_SLOWDOWN:
        reasons.append(f"slowed down by {_percent(slower)} %")
    if {before, after} & THROTTLED:
        reasons.append(f"throttled: from {before} to {after}")
    return reasons


def ratios(medians: Sequence[float | None]) -> list[list[float | None]]:
    """Each median over each other one; None where either of the two is None."""
    return [[None if a is None or b is None else a / b for b in medians] for a in medians]


def by_second(ends: Iterable[float], samples: Samples) -> tuple[SustainedPoint, ...]:
    """The curve of a sustained run: the median of the inferences that end in each second.

    `ends` holds one time per sample, in seconds since the start. A second in which none ends has no
    point.
    """
    seconds: dict[int, list[float]] = {}
    for end, sample in zip(ends, samples, strict=True):
        seconds.setdefault(math.floor(end), []).append(sample)
    return tuple(
        SustainedPoint(second=second, p50_ms=median(taken), runs=len(taken))
        for second, taken in sorted(seconds.items())
    )


def _percent(ratio: float, digits: int = 1) -> str:
    """How far a ratio is above 1, in percent."""
    return f"{100 * (ratio - 1):.{digits}f}"
