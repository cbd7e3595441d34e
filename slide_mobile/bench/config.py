"""What to measure, and how long: the one place where the defaults stand."""

from dataclasses import dataclass

from slide_mobile.bench import statistics
from slide_mobile.errors import UsageError
from slide_mobile.isolation.files import StrPath

MOST_THREADS = 256  # a runtime starts as many as it is told
MOST_RUNS = 1_000_000
MOST_SECONDS = 1_000_000.0


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """How to measure, and which documents of phones to put beside it.

    Each artifact gets at least `min_runs` runs and `min_seconds` seconds in total, and `warm_up`
    runs before that in each process. While a ratio is uncertain, measuring goes on for up to
    `max_seconds` in all. `profile` adds where the time goes; `imports` are documents that an app
    shared, or folders of a device farm that have some. Raises UsageError for values that cannot be
    measured.
    """

    threads: int = 1
    min_runs: int = 50
    min_seconds: float = 6.0
    max_seconds: float = 60.0
    warm_up: int = 5
    profile: bool = False
    imports: tuple[StrPath, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for values that cannot be measured."""
        if not 1 <= self.threads <= MOST_THREADS:
            raise UsageError(f"threads must be 1 to {MOST_THREADS}, got {self.threads}")
        if not statistics.MIN_RUNS <= self.min_runs <= MOST_RUNS:
            raise UsageError(
                f"min-runs must be {statistics.MIN_RUNS} to {MOST_RUNS}, got {self.min_runs}: "
                "percentiles of fewer runs mean little"
            )
        for name, seconds in (("min", self.min_seconds), ("max", self.max_seconds)):
            if not 0 <= seconds <= MOST_SECONDS:
                raise UsageError(f"{name}-seconds must be 0 to {MOST_SECONDS:g}, got {seconds:g}")
        if not 1 <= self.warm_up <= MOST_RUNS:
            raise UsageError(f"warm-up must be 1 to {MOST_RUNS} runs, got {self.warm_up}")


USUAL = BenchConfig()
