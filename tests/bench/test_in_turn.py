"""Artifacts beside one that took turns with them: what is slower fails, as does what is unknown."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from slide_mobile.artifact.documents import encode
from slide_mobile.bench import comparison, documents, in_turn
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.bench.ratio import Estimate
from slide_mobile.errors import UsageError

HOST = Path(__file__).parents[2] / "apps/conformance/bench/valid/host.json"
NOISY = "spread of 12.0 % is over 10 %"


def measured(ratio: float, spread: float = 0.001, *, of: int = 1, over: int = 0) -> BenchDocument:
    """Two artifacts with noisy latencies, "new" and "old"."""
    document = documents.read(HOST)
    results = [
        replace(result, artifact=name, valid=False, why_invalid=(NOISY,))
        for name, result in zip(("old", "new"), document.results, strict=True)
    ]
    clock = Estimate.of(ratio * np.exp(spread * np.linspace(-1, 1, 10)))
    pairs = (Comparison.judged(of, over, clock, None),)
    ratios, intervals = comparison.tables([True, True], pairs)
    return replace(
        document, results=tuple(results), comparisons=pairs, ratios=ratios,
        ratio_intervals=intervals,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "passed"), [(1.04, True), (1.049996, True), (1.050004, False), (0.5, True)]
)
def test_slower_than_the_baseline_by_more_than_allowed_fails(
    ratio: float, passed: bool, tmp_path: Path
) -> None:
    document = measured(ratio)
    found = in_turn.compare(document, Path("old"))
    (change,) = found.changes
    assert (found.passed, change.passed) == (passed, passed)
    assert change.ratio == pytest.approx(ratio) and change.artifact == "new"
    assert change.change_percent == pytest.approx(100 * (ratio - 1), abs=0.01)
    (tmp_path / "x.json").write_bytes(encode(replace(document, baseline=found)))
    assert documents.read(tmp_path / "x.json").baseline == found


def test_the_limit_may_be_another() -> None:
    assert not in_turn.compare(measured(1.04), Path("old"), fail_over_percent=3.0).passed


def test_a_ratio_is_taken_in_the_right_direction() -> None:
    (change,) = in_turn.compare(measured(1.25, of=0, over=1), Path("old")).changes
    assert change.ratio == pytest.approx(0.8) and change.passed


def test_a_ratio_without_an_answer_does_not_pass() -> None:
    (change,) = in_turn.compare(measured(0.5, spread=0.1), Path("old")).changes
    assert not change.passed and change.change_percent is None
    assert (
        change.why.startswith("no answer: the interval is 0.4")
        and "raise --max-seconds" in change.why
    )


def test_what_no_two_processes_measured_does_not_pass() -> None:
    document = measured(1.0)
    diagonal = ((1.0, None), (None, 1.0))
    alone = replace(document, comparisons=(), ratios=diagonal, ratio_intervals=None)
    (change,) = in_turn.compare(alone, Path("old")).changes
    assert not change.passed and change.why == "no answer: no two processes measured both"


def test_what_cannot_be_timed_on_either_side_passes() -> None:
    document = documents.read(HOST.with_name("nothing-measured.json"))
    one = document.results[0]
    results = (replace(one, artifact="old"), replace(one, artifact="new"))
    nothing = ((None, None), (None, None))
    both = replace(document, results=results, ratios=nothing, ratio_intervals=None)
    (change,) = in_turn.compare(both, Path("old")).changes
    assert change.passed and change.why == "cannot be timed here"


def test_a_baseline_that_was_not_measured_is_named() -> None:
    with pytest.raises(UsageError, match="older was not measured, so nothing can be compared"):
        in_turn.compare(measured(1.0), Path("older"))
