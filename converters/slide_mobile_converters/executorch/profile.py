"""Time of each operation of a .pte: ExecuTorch's Python package cannot measure it."""

from pathlib import Path

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.profiles import RUNS, NoProfiler, OperationTime


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Raise NoProfiler, always: to the event tracer, a whole delegate is one operation."""
    raise NoProfiler(
        "the executorch package has no XNNPACK profiler and times a whole delegate at once"
    )
