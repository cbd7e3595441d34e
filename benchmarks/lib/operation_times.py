"""Real times of operations and of whole inferences: the least of many runs in turn.

A busy machine interrupts every long inference, but leaves most of its pieces alone. So an inference
is cut into pieces, and is as long as the least times of its pieces together.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import ai_edge_litert
import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.limiting import limit
from slide_mobile_converters.tflite.litert_profiler import Profiler

WARM_UP = 3
PIECE_US = 500  # longer than the clock's rounding, shorter than a turn of another process


class Fastest(NamedTuple):
    """The least microseconds of each operation of a file, and those of an inference's pieces."""

    names: tuple[str, ...]
    operations: tuple[int, ...]
    whole: int


def fastest_limited(
    paths: Sequence[Path], images: Sequence[NDArray[np.float32]], runs: int
) -> list[Fastest]:
    """As `fastest`, on a processor that has no more than the emulated one.

    Takes AVX-512 away from LiteRT in this process for good: call it in a process of its own.
    """
    (library,) = Path(ai_edge_litert.__file__).parent.glob("libLiteRt.so")
    limit(library)
    return fastest(paths, images, runs)


def fastest(
    paths: Sequence[Path], images: Sequence[NDArray[np.float32]], runs: int
) -> list[Fastest]:
    """Run .tflite files in turn on one thread; each time is the least of all runs."""
    with ExitStack() as stack:
        profilers = [Profiler(path, stack, threads=1) for path in paths]
        for profiler, image in zip(profilers, images, strict=True):
            profiler.fill(image)
        times = [[_ran(profiler) for profiler in profilers] for _ in range(WARM_UP + runs)]
        names = [tuple(e.name for e in profiler.inference().events) for profiler in profilers]
    tables = [np.array(taken) for taken in zip(*times[WARM_UP:], strict=True)]
    return [
        Fastest(name, tuple(table.min(0).tolist()), undisturbed(table))
        for name, table in zip(names, tables, strict=True)
    ]


def undisturbed(times: NDArray[np.integer]) -> int:
    """Microseconds of an inference from those of its operations, (runs, operations)."""
    ends = np.cumsum(times.min(0))
    starts = np.unique(ends // PIECE_US, return_index=True)[1]
    return int(np.add.reduceat(times, starts, axis=1).min(0).sum())


def _ran(profiler: Profiler) -> list[int]:
    """Microseconds of the operations of an inference."""
    profiler.run()
    return [event.microseconds for event in profiler.inference().events]
