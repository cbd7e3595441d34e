"""The machine's load and heat while artifacts are timed, as far as Linux counts them."""

import pytest

from slide_mobile.bench import conditions
from slide_mobile.bench.conditions import UNDISTURBED
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import Timed
from slide_mobile.bench.sessions import Session


def session(timed: Timed | None) -> Session:
    return Session(loaded={}, failures={}, timed=timed, amx=False, finished=True)


def timed(**changes: object) -> Timed:
    given = {"turns": {}, "wall": 10.0, "cpu": 9.9, "others": 0.1, "stolen": 0.0} | changes
    return Timed(**given)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"others": 1e4}, "other processes took"),
        ({"stolen": 1e4}, "the hypervisor took"),
        ({"cpu": 9.0}, "waited for the processor 10% of the time"),
    ],
)
def test_a_machine_that_was_busy_is_a_reason(changes: dict[str, float], reason: str | None) -> None:
    held = [session(timed(**changes))]
    reasons = conditions.observed(held, BenchConfig()).doubts
    assert (reasons == ()) if reason is None else (len(reasons) == 1 and reason in reasons[0])
    if "cpu" in changes:  # several threads may wait for each other
        assert conditions.observed(held, BenchConfig(threads=2)).doubts == ()


def test_a_machine_that_does_not_say_is_no_reason() -> None:
    silent = session(timed(others=None, stolen=None))
    assert conditions.observed([silent], BenchConfig()) == UNDISTURBED
    assert conditions.observed([session(None)], BenchConfig()) == UNDISTURBED


@pytest.mark.parametrize(
    ("counts", "states"),
    [
        ([None, None], ("unknown", "unknown")),
        ([0, 0], ("nominal", "nominal")),
        ([0, 3], ("nominal", "serious")),
    ],
)
def test_heat_is_what_linux_counts(counts: list[int | None], states: tuple[str, str]) -> None:
    held = [session(timed(throttled=count)) for count in counts]
    found = conditions.observed(held, BenchConfig())
    assert (found.before, found.after) == states
