"""Which segments of the plugin belong to which operation of the profiler.

XNNPACK reads the clock after every operator, and reports one time for each node of its graph; a
node such as a concatenation runs several operators. Both sides know the same clock, so a node has
the segments whose times add up to its own.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_PARTS = 5  # operators of one node, XNNPACK's XNN_MAX_OPERATOR_OBJECTS
SKIPPED = 1.0  # microseconds of disagreement that a segment without an operation costs

Floats = NDArray[np.floating]
Indices = NDArray[np.integer]


def aligned(reported: Sequence[float], measured: Sequence[float]) -> list[range]:
    """Indices of the segments of each operation, by least disagreement of times.

    `reported` are times of the operations, `measured` those of the segments. Operations follow one
    another and have 1 to MOST_PARTS segments each; a segment may belong to none. Raises ValueError
    if there are fewer segments than operations.
    """
    ends = np.concatenate([[0.0], np.cumsum(measured)])
    best: Floats = SKIPPED * np.arange(len(ends))  # of no operation and the first n segments
    parts, skips = [], []
    for time in reported:
        best, part, skip = _with_one_more(best, time, ends)
        parts.append(part)
        skips.append(skip)
    if not np.isfinite(best[-1]):
        raise ValueError(f"{len(reported)} operations, but {len(measured)} segments")
    return _traced(parts, skips, len(measured))


def _with_one_more(best: Floats, time: float, ends: Floats) -> tuple[Floats, Indices, Indices]:
    """Least disagreement with one more operation, how many parts it has, and segments after it."""
    choices = np.full((MOST_PARTS, len(ends)), np.inf)
    for part in range(1, min(MOST_PARTS, len(ends) - 1) + 1):
        choices[part - 1, part:] = best[:-part] + np.abs(time - (ends[part:] - ends[:-part]))
    here, place = choices.min(0), np.arange(len(ends))
    slack = np.where(np.isfinite(here), here - SKIPPED * place, np.inf)
    lowest = np.minimum.accumulate(slack)
    last = np.maximum.accumulate(np.where(slack <= lowest, place, 0))
    return lowest + SKIPPED * place, choices.argmin(0) + 1, place - last


def _traced(parts: Sequence[Indices], skips: Sequence[Indices], end: int) -> list[range]:
    found = []
    for part, skip in zip(reversed(parts), reversed(skips), strict=True):
        end -= int(skip[end])
        start = end - int(part[end])
        found.append(range(start, end))
        end = start
    return found[::-1]
