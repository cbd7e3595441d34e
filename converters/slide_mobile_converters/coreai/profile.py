"""Time of each operation of an .aimodel: nothing on Linux can tell it of a device."""

from pathlib import Path

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.profiles import RUNS, NoProfiler, OperationTime


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Raise NoProfiler, always: the CPU runtime's times say nothing of the Neural Engine."""
    raise NoProfiler(
        "Core AI's runtime for Linux is no measure of a device; Xcode's performance report is"
    )
