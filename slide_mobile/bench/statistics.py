"""What a list of latencies says, and whether to believe it.

The apps compute the same in Swift and Kotlin; apps/conformance/statistics.json holds all three to
each other. Only the confidence interval of a ratio is the host's alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Turns = NDArray[np.float64]  # (turns, runs of a turn), milliseconds
Samples = Sequence[float]  # milliseconds, in the order in which they were taken
Thermal = Literal["nominal", "fair", "serious", "critical", "unknown"]

MAX_SPREAD = 1.10  # p90 over p50, beyond which the machine was too noisy to say
MAX_SLOWDOWN = 1.10  # median of the last quarter over that of the first
MIN_RUNS = 30
THROTTLED = frozenset({"serious", "critical"})  # where phones lower their clocks
RESAMPLES = 500
# Of half the interval to the ratio: a ratio that is less sure is not given.
MAX_HALF_WIDTH = 0.02


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


def sure(low: float, high: float) -> bool:
    """Whether an interval is narrow enough for its ratio to be given."""
    return (high - low) / (high + low) <= MAX_HALF_WIDTH


def ratios(medians: Sequence[float | None]) -> list[list[float | None]]:
    """Each of the medians over each; None where either is, for it is not to be believed."""
    return [[None if a is None or b is None else a / b for b in medians] for a in medians]


def ratio_interval(rounds: Sequence[tuple[Turns, Turns]], *, seed: int = 0) -> tuple[float, float]:
    """95 % of the ratio of medians of two that were timed in turn, in several processes.

    Each round has the turns (turns, runs of a turn) of both. Rounds are drawn with replacement, and
    within each of them turns, in blocks of about the square root of their number: where a process
    has its memory matters for as long as it lives, and what disturbs the machine lasts longer than
    a turn and touches both (the circular block bootstrap of Politis and Romano, 1992, inside a
    bootstrap of clusters). The seed is fixed: equal samples give equal intervals.
    """
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        taken: tuple[list[Turns], list[Turns]] = ([], [])
        for chosen in draw.integers(0, len(rounds), len(rounds)):
            a, b = rounds[chosen]
            drawn = _blocks(len(a), draw)
            taken[0].append(a[drawn])
            taken[1].append(b[drawn])
        medians = [np.median(np.concatenate([x.ravel() for x in of])) for of in taken]
        found.append(medians[0] / medians[1])
    # Of few clusters a bootstrap's spread is too small by this factor (Davison and Hinkley, 1997).
    spread = math.sqrt(len(rounds) / max(1, len(rounds) - 1))
    middle, (low, high) = np.median(found), np.percentile(found, (2.5, 97.5))
    return float(middle * (low / middle) ** spread), float(middle * (high / middle) ** spread)


def _blocks(turns: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """As many turns as there are, drawn in blocks of neighbours, the last beside the first."""
    block = math.isqrt(turns)
    starts = draw.integers(0, turns, -(-turns // block))
    return ((starts[:, None] + np.arange(block)).ravel() % turns)[:turns]


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
