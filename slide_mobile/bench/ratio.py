"""The ratio of two latencies that were taken in turn: its interval, and whether to believe it.

A round has a turn of each model, and the two turns are divided, so that whatever slows down the
machine for longer than a round cancels out. The median over the rounds is the ratio of a process.
The process is the unit of all that follows, because the places of its memory stay what they are
for its whole life: the ratio is the geometric mean over processes, and its interval is Student's
over their logarithms. It needs no model of the noise inside a process, which shows in how the
processes scatter (T. Kalibera, R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013,
doi:10.1145/2464157.2464160: repeat at the highest level at which results vary).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import Annotated

from msgspec import Meta, Struct

from slide_mobile.bench.statistics import Turns

Ratio = Annotated[float, Meta(gt=0, le=1e300)]
Interval = tuple[Ratio, Ratio]

MIN_PROCESSES = 10
MOST_UNCERTAIN = 0.02  # relative; a ratio that is less certain is not given
# We look after each process and stop at the first estimate that is certain, which favors estimates
# that are so by chance. Student's t makes up for it at these levels: 95 % of the intervals hold the
# ratio, and an answer is off by over 2 % once in several thousand times, on the worst of machines.
# Both were found by simulation, which tests/bench/test_ratio.py repeats.
_INTERVAL, _CERTAIN = 0.97, 0.9999
_MOST_LOG = 690.0  # of a ratio, and of a bound of its interval
_TOLERANCE = 1e-6  # relative: documents are rounded


class Estimate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ratio by one clock, with its 95 % interval; both follow from the ratios of processes."""

    ratio: Ratio
    interval: Interval
    processes: Annotated[
        tuple[Ratio, ...],
        Meta(min_length=2, description="The median ratio of turns in each process."),
    ]

    @classmethod
    def of(cls, processes: Sequence[float]) -> "Estimate":
        """The estimate of at least two processes."""
        ratio, interval = _mean(processes)
        return cls(ratio=ratio, interval=interval, processes=tuple(map(float, processes)))

    def __post_init__(self) -> None:
        """Raise ValueError where ratio or interval do not follow from the processes."""
        ratio, interval = _mean(self.processes)
        found, expected = (self.ratio, *self.interval), (ratio, *interval)
        if not all(map(_close, found, expected)):
            raise ValueError(
                f"its processes give {ratio:.6g} ({interval[0]:.6g} to {interval[1]:.6g}), "
                f"not {self.ratio:.6g} ({self.interval[0]:.6g} to {self.interval[1]:.6g})"
            )

    @property
    def uncertainty(self) -> float:
        """How far off the ratio is at most, relative to it, almost certainly."""
        return _exponential(_half(self.processes, _CERTAIN)) - 1


def of_process(first: Turns, second: Turns) -> float:
    """The ratio of two models in one process: the median over the rounds.

    Both have one turn per round, whose runs are divided one by one; the shorter turn is repeated.
    The place in the round is random, so the order of the two does not matter.
    """
    import numpy as np  # on first use: the command line imports this room for its defaults

    numerators, denominators = np.log(np.asarray(first)), np.log(np.asarray(second))
    runs = np.arange(max(numerators.shape[1], denominators.shape[1]))
    ratios = (
        numerators[:, runs % numerators.shape[1]] - denominators[:, runs % denominators.shape[1]]
    )
    return math.exp(np.median(ratios))


def why_invalid(clock: Estimate, cpu: Estimate | None = None) -> list[str]:
    """Reasons to give no ratio; none if it is good.

    `clock` is by the time that passed, `cpu` by the time that a processor worked, where that can be
    told. What disturbs one model more than the other shows in the first alone.
    """
    reasons = []
    if (count := len(clock.processes)) < MIN_PROCESSES:
        reasons.append(f"{count} processes are fewer than {MIN_PROCESSES}")
    if (off := clock.uncertainty) > MOST_UNCERTAIN:
        reasons.append(
            f"the interval is {_words(clock.interval)}, uncertain by {_percent(off)}, more than "
            f"{_percent(MOST_UNCERTAIN)}: close other programs, or raise --max-seconds"
        )
    if cpu is not None and _apart(clock.interval, cpu.interval):
        reasons.append(
            f"the interval is {_words(clock.interval)} by the clock, but {_words(cpu.interval)} by "
            "CPU time: close other programs"
        )
    return reasons


def _mean(processes: Sequence[float]) -> tuple[float, Interval]:
    """Geometric mean, and its interval."""
    middle = fmean(map(math.log, processes))
    half = _half(processes, _INTERVAL)
    low, high = _exponential(middle - half), _exponential(middle + half)
    return _exponential(middle), (low, high)


def _half(processes: Sequence[float], confidence: float) -> float:
    """Half the length of the interval of their mean, in logarithms."""
    count = len(processes)
    return student(confidence, count - 1) * stdev(map(math.log, processes)) / math.sqrt(count)


def student(confidence: float, freedom: int) -> float:
    """Student's t: this much of the distribution lies between -t and t.

    M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5: from 9 degrees of
    freedom on, at 0.9999, at most 0.2 % too small; below that, more.
    """
    x, n = NormalDist().inv_cdf((1 + confidence) / 2), freedom
    return (
        x
        + (x**3 + x) / (4 * n)
        + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * n**2)
        + (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / (384 * n**3)
        + (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / (92160 * n**4)
    )


def _exponential(log: float) -> float:
    """The ratio of a logarithm, within the bounds of a ratio."""
    return math.exp(max(-_MOST_LOG, min(_MOST_LOG, log)))


def _apart(first: Interval, second: Interval) -> bool:
    """Whether two intervals have nothing in common."""
    return max(first[0], second[0]) > min(first[1], second[1])


def _words(interval: Interval) -> str:
    """An interval for a sentence."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _percent(relative: float) -> str:
    """A share for a sentence; beyond all bounds it is 100 %."""
    return f"{100 * min(1, relative):.2g} %"


def _close(found: float, expected: float) -> bool:
    """Whether a number is what the processes give, rounding aside."""
    return math.isclose(found, expected, rel_tol=_TOLERANCE)
