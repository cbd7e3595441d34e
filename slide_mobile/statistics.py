"""What a list of latencies says, and whether to believe it.

The apps compute the same in Swift and Kotlin; apps/conformance/statistics.json holds all three to
each other. Only the confidence interval of a ratio is the host's alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Samples = Sequence[float]  # milliseconds, in the order in which they were taken
Thermal = Literal["nominal", "fair", "serious", "critical", "unknown"]

MAX_SPREAD = 1.10  # p90 over p50, beyond which the machine was too noisy to say
MAX_SLOWDOWN = 1.10  # median of the last quarter over that of the first
MIN_RUNS = 30
THROTTLED = frozenset({"serious", "critical"})  # where phones lower their clocks
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of one model's latencies, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float

    @property
    def spread(self) -> float:
        """p90 over p50."""
        return self.p90_ms / self.p50_ms


def percentile(samples: Samples, percent: float) -> float:
    """Linear between order statistics: position (n - 1) * percent / 100 of the sorted samples.

    Written out, because Swift and Kotlin do the same: it is what numpy.percentile does.
    """
    ordered = sorted(samples)
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def summary(samples: Samples) -> Summary:
    """Percentiles and mean; at least one sample."""
    p50, p90, p99 = (percentile(samples, percent) for percent in (50, 90, 99))
    return Summary(p50_ms=p50, p90_ms=p90, p99_ms=p99, mean_ms=math.fsum(samples) / len(samples))


def slowdown(samples: Samples) -> float | None:
    """Median of the last quarter of the runs over that of the first; None of fewer than four."""
    quarter = len(samples) // 4
    if quarter == 0:
        return None
    return percentile(samples[-quarter:], 50) / percentile(samples[:quarter], 50)


def why_invalid(
    samples: Samples, *, before: Thermal = "unknown", after: Thermal = "unknown"
) -> list[str]:
    """Reasons not to believe these latencies, none if they are good; `before` and `after` of heat.

    A phone that is hot at either end computed with lowered clocks.
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
    """Each of the medians over each; None where either is, for it is not to be believed."""
    return [[None if a is None or b is None else a / b for b in medians] for a in medians]


def ratio_interval(a: Samples, b: Samples, *, seed: int = 0) -> tuple[float, float]:
    """95 % of the ratio of medians, for samples that were taken in turn: a, b, a, b.

    Turns are drawn with replacement in blocks of about the square root of their number: what
    disturbs the machine lasts longer than one turn, and touches both (the circular block bootstrap
    of Politis and Romano, 1992). The seed is fixed, so that equal samples give equal intervals.
    """
    turns = min(len(a), len(b))
    block = math.isqrt(turns)
    starts = np.random.default_rng(seed).integers(0, turns, (RESAMPLES, -(-turns // block)))
    drawn = (starts[..., None] + np.arange(block)).reshape(RESAMPLES, -1)[:, :turns] % turns
    medians = [np.median(np.asarray(samples)[drawn], axis=1) for samples in (a, b)]
    low, high = np.percentile(medians[0] / medians[1], (2.5, 97.5))
    return float(low), float(high)


def by_second(ends: Iterable[float], samples: Samples) -> list[dict[str, Any]]:
    """The curve of a sustained run: of each second the median of the inferences that end in it.

    `ends` are seconds since the start, one a sample; a second in which none ends has no point.
    """
    seconds: dict[int, list[float]] = {}
    for end, sample in zip(ends, samples, strict=True):
        seconds.setdefault(math.floor(end), []).append(sample)
    return [
        {"second": second, "p50_ms": percentile(taken, 50), "runs": len(taken)}
        for second, taken in sorted(seconds.items())
    ]


def _percent(ratio: float, digits: int = 1) -> str:
    return f"{100 * (ratio - 1):.{digits}f}"
