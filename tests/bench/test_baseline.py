"""Measurements beside earlier ones: what is slower fails, and so does what cannot be compared."""

import json
from pathlib import Path

import msgspec
import pytest

from slide_mobile.artifact.documents import encode
from slide_mobile.bench import documents
from slide_mobile.bench.baseline import Baseline, compare, percent
from slide_mobile.bench.change import BaselineComparison
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.bench.result import Result
from slide_mobile.errors import GateFailed, UsageError

VECTORS = Path(__file__).parents[2] / "apps/conformance/bench/valid"


@pytest.fixture
def document() -> BenchDocument:
    return documents.read(VECTORS / "android.json")


def against(now: BenchDocument, earlier: BenchDocument) -> BaselineComparison:
    return compare(now, Baseline(file=Path("earlier"), document=earlier, fail_over_percent=5.0))


def changed(document: BenchDocument, **changes: object) -> BenchDocument:
    result = msgspec.structs.replace(document.results[0], **changes)
    return msgspec.structs.replace(document, results=(result,))


def faster(document: BenchDocument, by: float) -> BenchDocument:
    result = document.results[0]
    times = {name: getattr(result, name) / by for name in ("p50_ms", "p90_ms", "mean_ms")}
    return changed(document, **times, samples_ms=tuple(ms / by for ms in result.samples_ms))


@pytest.mark.parametrize(("by", "passed"), [(1.04, True), (1.06, False), (0.5, True)])
def test_slower_than_the_baseline_by_more_than_allowed_fails(
    by: float, passed: bool, document: BenchDocument, tmp_path: Path
) -> None:
    found = against(document, faster(document, by))
    (change,) = found.changes
    assert (found.passed, change.passed) == (passed, passed)
    assert change.change_percent == pytest.approx(100 * (by - 1), abs=0.01)
    (tmp_path / "x.json").write_bytes(encode(msgspec.structs.replace(document, baseline=found)))
    assert documents.read(tmp_path / "x.json").baseline == found


@pytest.mark.parametrize("excess", [4e-5, -4e-5])
def test_the_verdict_is_that_of_the_unrounded_change(
    excess: float, document: BenchDocument
) -> None:
    found = against(document, faster(document, 1.05 + excess))
    assert found.changes[0].change_percent == 5.0
    assert found.passed == (excess < 0)


def test_a_run_that_cannot_be_judged_does_not_pass(document: BenchDocument) -> None:
    noisy = changed(document, valid=False, why_invalid=("spread of 20.0 % is over 10 %",))
    for now, earlier, whose in ((noisy, document, "this run"), (document, noisy, "the baseline")):
        found = against(now, earlier)
        assert not found.passed and found.changes[0].change_percent is None
        assert found.changes[0].why == (
            f"{whose} is invalid: spread of 20.0 % is over 10 %; a noisy machine can compare "
            "artifacts in turn: bench NEW --baseline FOLDER"
        )


def test_what_has_a_latency_on_neither_side_passes() -> None:
    untimed = documents.read(VECTORS / "nothing-measured.json")
    found = against(untimed, untimed)
    assert found.passed and found.changes[0].why == "cannot be timed here"


def test_artifacts_are_compared_by_name_on_the_same_device_only(document: BenchDocument) -> None:
    moved = changed(document, artifact="/elsewhere/" + document.results[0].artifact)
    assert against(document, moved).passed
    device = msgspec.structs.replace(document.environment, device="Pixel 3")
    elsewhere = msgspec.structs.replace(moved, environment=device)
    with pytest.raises(UsageError, match="it was measured on: Pixel 3, Google Tensor G4"):
        against(document, elsewhere)


def test_imported_measurements_are_compared_too(document: BenchDocument) -> None:
    host = documents.read(VECTORS / "no-results.json")
    host = msgspec.structs.replace(host, imported=(document,))
    found = against(host, faster(document, 2.0))
    assert not found.passed and found.changes[0].device == "Pixel 9"


def test_a_new_artifact_beside_known_ones_passes(document: BenchDocument) -> None:
    known = document.results[0]
    results: tuple[Result, ...] = (known, msgspec.structs.replace(known, artifact="new"))
    ratios = ((1.0, None), (None, 1.0))
    both = msgspec.structs.replace(document, results=results, ratios=ratios)
    found = against(both, document)
    assert found.passed and found.changes[1].why == "no earlier measurement"


def test_a_baseline_is_read_with_its_limit(tmp_path: Path) -> None:
    found = Baseline.read(VECTORS / "android.json", fail_over_percent=2.0)
    assert found.fail_over_percent == 2.0 and found.document.source == "android"
    (tmp_path / "x.json").write_text(json.dumps({}))
    with pytest.raises(GateFailed, match="is not a measurement"):
        Baseline.read(tmp_path / "x.json")


@pytest.mark.parametrize(("text", "value"), [("5%", 5.0), (" 2.5 % ", 2.5), ("0", 0.0)])
def test_percentages_are_read(text: str, value: float) -> None:
    assert percent(text) == value


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1000%", "", "%"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a percentage such as 5%"):
        percent(text)
