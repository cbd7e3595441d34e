"""What can be measured, and what is refused before anything is."""

import math

import pytest

from slide_mobile.bench.config import USUAL, BenchConfig
from slide_mobile.errors import UsageError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": 0}, "threads must be 1 to 256, got 0"),
        ({"threads": 10**11}, "threads must be 1 to 256, got 1"),
        ({"min_runs": 29}, "min-runs must be 30 to 1000000, got 29: percentiles of fewer runs"),
        ({"min_seconds": -1.0}, "min-seconds must be 0 to 1e\\+06, got -1"),
        ({"min_seconds": math.nan}, "min-seconds must be 0 to 1e\\+06, got nan"),
        ({"min_seconds": math.inf}, "min-seconds must be 0 to 1e\\+06, got inf"),
        ({"max_seconds": -1.0}, "max-seconds must be 0 to 1e\\+06, got -1"),
        ({"max_seconds": math.nan}, "max-seconds must be 0 to 1e\\+06, got nan"),
        ({"warm_up": 0}, "warm-up must be 1 to 1000000 runs, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BenchConfig(**changes)


def test_the_defaults_give_percentiles_their_runs() -> None:
    assert BenchConfig() == USUAL
    assert (USUAL.threads, USUAL.min_runs, USUAL.warm_up) == (1, 50, 5)
    assert 0 < USUAL.min_seconds < USUAL.max_seconds
