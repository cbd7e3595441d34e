"""What to measure, and how long: the one place where the defaults stand."""

import math
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.bench import statistics
from slide_mobile.errors import UsageError

MOST_THREADS = 1024  # a runtime refuses a far larger number with an error of its own


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """How to measure, and which documents of phones to put beside it.

    Each artifact gets at least `min_runs` runs and `min_seconds` seconds in total, and `warm_up`
    runs before that in each process. While a ratio is uncertain, measuring goes on for up to
    `max_seconds` in all. `profile` adds where the time goes; `imports` are documents that an app
    shared. Raises UsageError for values that cannot be measured.
    """

    threads: int = 1
    min_runs: int = 50
    min_seconds: float = 6.0
    max_seconds: float = 60.0
    warm_up: int = 5
    profile: bool = False
    imports: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for values that cannot be measured."""
        if not 1 <= self.threads <= MOST_THREADS:
            raise UsageError(f"threads must be 1 to {MOST_THREADS}, got {self.threads}")
        if self.min_runs < statistics.MIN_RUNS:
            raise UsageError(
                f"min-runs must be at least {statistics.MIN_RUNS}, got {self.min_runs}: "
                "percentiles of fewer runs mean little"
            )
        for name, seconds in (("min", self.min_seconds), ("max", self.max_seconds)):
            if not 0 <= seconds < math.inf:
                raise UsageError(f"{name}-seconds must be 0 or more, got {seconds:g}")
        if self.warm_up < 1:
            raise UsageError(f"warm-up must be at least 1 run, got {self.warm_up}")


USUAL = BenchConfig()
