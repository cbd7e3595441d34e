"""The ratio of two: its interval holds the truth, and what cannot be told apart has no answer."""

import math
import re

import numpy as np
import pytest
from synthetic import Machine, processes

from slide_mobile.bench import ratio
from slide_mobile.bench.ratio import MIN_PROCESSES, Estimate

MOST_PROCESSES = 20  # about what 60 seconds are enough for


def measured(
    seed: int, machine: Machine, *, truth: float = 1.0, runs: tuple[int, int] = (1, 1)
) -> Estimate:
    """What `bench` finds: it goes on until the ratio is known, or the time is up."""
    draw = np.random.default_rng(seed)
    turns = processes(draw, machine, ratio=truth, runs=runs, count=MOST_PROCESSES)
    found = [ratio.of_process(*both) for both in zip(*turns, strict=True)]
    for count in range(MIN_PROCESSES, MOST_PROCESSES):
        if not ratio.why_invalid(estimate := Estimate.of(found[:count])):
            return estimate
    return Estimate.of(found)


@pytest.mark.parametrize(
    ("machine", "truth", "runs"),
    [
        (Machine(), 1.0, (1, 1)),
        (Machine(), 2.5, (1, 2)),
        (Machine(noise=0.1, hiccups=0.3, bursts=0.5, drift=0.5), 1.1, (1, 1)),
        (Machine(layout=0.01), 0.4, (2, 1)),
    ],
)
def test_the_interval_holds_the_ratio_in_94_of_100(
    machine: Machine, truth: float, runs: tuple[int, int]
) -> None:
    estimates = [measured(seed, machine, truth=truth, runs=runs) for seed in range(200)]
    held = sum(one.interval[0] <= truth <= one.interval[1] for one in estimates)
    assert held >= 0.94 * len(estimates)


def test_a_machine_that_spreads_every_latency_answers() -> None:
    estimates = [measured(seed, Machine()) for seed in range(100)]
    assert sum(not ratio.why_invalid(one) for one in estimates) >= 95


def test_identical_models_are_within_2_percent_or_there_is_no_answer() -> None:
    # The worst are those that are just quiet enough to be answered now and then.
    layouts = np.geomspace(0.002, 0.06, 1000)
    estimates = [measured(seed, Machine(layout=x)) for seed, x in enumerate(layouts)]
    answers = [one.ratio for one in estimates if not ratio.why_invalid(one)]
    assert 300 < len(answers) < 900
    assert max(abs(math.log(answer)) for answer in answers) < 0.02


def test_a_turn_is_divided_by_the_one_beside_it() -> None:
    # Half of the rounds were ten times slower: medians over all rounds would compare the halves.
    slow = np.repeat([1.0, 10.0], 5)[:, None]
    assert ratio.of_process(2 * slow, slow) == pytest.approx(2)
    assert ratio.of_process(slow, 2 * slow) == pytest.approx(0.5)


def test_the_runs_of_a_turn_are_one_by_their_median() -> None:
    first, second = [[4.0], [4.0]], [[1.0, 2.0, 50.0], [2.0, 2.0, 2.0]]
    assert ratio.of_process(first, second) == pytest.approx(2)


def test_an_estimate_is_the_geometric_mean_and_mirrors() -> None:
    processes = (1.0, 2.0, 4.0)
    found, other = Estimate.of(processes), Estimate.of([1 / x for x in processes])
    assert found.ratio == pytest.approx(2)
    assert other.ratio == pytest.approx(1 / found.ratio)
    assert other.interval == pytest.approx([1 / x for x in found.interval[::-1]])
    assert other.uncertainty == pytest.approx(found.uncertainty)


@pytest.mark.parametrize("confidence", [0.95, 0.97, 0.9999])
@pytest.mark.parametrize("freedom", [9, 19, 100])
def test_students_t_leaves_the_rest_outside(confidence: float, freedom: int) -> None:
    t = np.linspace(-1, 1, 200_001) * ratio.student(confidence, freedom)
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    density = (1 + t**2 / freedom) ** (-(freedom + 1) / 2) / math.sqrt(freedom * math.pi)
    outside = 1 - np.trapezoid(density, t) * math.exp(scale)
    assert outside == pytest.approx(1 - confidence, rel=0.02)


def around(middle: float, width: float, count: int = MIN_PROCESSES) -> Estimate:
    """An estimate whose processes differ."""
    return Estimate.of(middle * np.exp(width * np.linspace(-1, 1, count)))


@pytest.mark.parametrize(
    ("clock", "cpu", "reason"),
    [
        (around(1, 0.001), None, None),
        (around(1, 0.001), around(1.0005, 0.001), None),
        (around(1, 0.001, 9), None, "9 processes are fewer than 10"),
        (
            around(1, 0.05),
            None,
            "the interval is 0.9.. to 1.0.., uncertain by 7.. %, more than 2 %: close",
        ),
        (
            around(1.01, 0.001),
            around(1, 0.001),
            "the interval is 1.009 to 1.011 by the clock, but 0.999",
        ),
        (around(1, 0.001), around(1.01, 0.001), ".* by CPU time: close other programs"),
    ],
)
def test_a_ratio_is_given_or_a_reason(
    clock: Estimate, cpu: Estimate | None, reason: str | None
) -> None:
    found = ratio.why_invalid(clock, cpu)
    assert len(found) == (reason is not None)
    assert all(len(line) < 200 for line in found)
    assert reason is None or re.match(reason, found[0])


@pytest.mark.parametrize("count", [10, 20, 40])
def test_more_processes_make_a_ratio_certain(count: int) -> None:
    certain, uncertain = ({10: 0.014, 20: 0.026, 40: 0.042}[count] * x for x in (1.0, 1.2))
    assert not ratio.why_invalid(around(1, certain, count))
    assert ratio.why_invalid(around(1, uncertain, count))


@pytest.mark.parametrize(
    "changes",
    [{"ratio": 1.001}, {"interval": (0.99, 1.0)}, {"interval": (1.0, 1.01)}, {"processes": (1, 2)}],
)
def test_an_estimate_that_is_not_that_of_its_processes_cannot_be_built(
    changes: dict[str, object],
) -> None:
    good = around(1, 0.001)
    given = {"ratio": good.ratio, "interval": good.interval, "processes": good.processes}
    Estimate(**given)
    with pytest.raises(ValueError, match="its processes give"):
        Estimate(**given | changes)


def test_processes_that_differ_beyond_all_bounds_have_a_finite_interval() -> None:
    low, high = Estimate.of([1e-300, 1e300]).interval
    assert 0 < low < 1e-299 and 1e299 < high < math.inf
