"""Time of each operation of a .mlpackage: coremltools cannot measure it."""

from pathlib import Path

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.profiles import RUNS, NoProfiler, OperationTime


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Raise NoProfiler, always: only Xcode's performance report shows the times of operations."""
    raise NoProfiler("coremltools does not time operations; Xcode's performance report does")
