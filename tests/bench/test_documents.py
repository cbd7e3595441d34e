"""What a phone shares is read, held to its schema, and to its own samples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slide_mobile.bench import baseline, documents
from slide_mobile.errors import GateFailed, UsageError

VECTORS = Path(__file__).parents[2] / "apps/conformance/bench"


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads((VECTORS / "valid/android.json").read_text())


def saved(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("path", sorted(VECTORS.glob("valid/*.json")), ids=lambda p: p.stem)
def test_good_documents_are_read_as_they_are(path: Path) -> None:
    assert documents.read(path) == json.loads(path.read_text())


@pytest.mark.parametrize("path", sorted(VECTORS.glob("invalid/*.json")), ids=lambda p: p.stem)
def test_bad_documents_are_one_line(path: Path) -> None:
    with pytest.raises((GateFailed, UsageError), match=path.name) as caught:
        documents.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(p50_ms=1.01 * r["p50_ms"]), "p50_ms is .*, its samples say"),
        (lambda r: r.update(mean_ms=r["p50_ms"] / 2), "mean_ms is"),
        (lambda r: r.update(runs=51), "51 runs, but 50 samples"),
        (lambda r: r.update(thermal_after="serious"), "is marked valid, but: throttled"),
        (lambda r: r["samples_ms"].__setitem__(0, "x"), "is not a measurement"),
        (lambda r: r.update(samples_ms=[0] * 50), "is not a measurement"),
        (lambda r: r["samples_ms"].__setitem__(0, 1e10), "is not a measurement"),
        (lambda r: r.update(valid=False, why_invalid=["x"], p50_ms=0), "is not a measurement"),
    ],
)
def test_numbers_that_do_not_follow_from_the_samples_are_refused(
    change: Callable[[dict[str, Any]], object],
    message: str,
    document: dict[str, Any],
    tmp_path: Path,
) -> None:
    change(document["results"][0])
    with pytest.raises(GateFailed, match=message):
        documents.read(saved(tmp_path / "phone.json", document))


def test_samples_may_be_rounded_on_their_way(document: dict[str, Any], tmp_path: Path) -> None:
    result = document["results"][0]
    result["samples_ms"] = [round(ms, 4) for ms in result["samples_ms"]]
    documents.read(saved(tmp_path / "phone.json", document))


def test_ratios_have_a_row_and_a_column_for_each_result(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["ratios"] = [[1.0, 1.0]]
    with pytest.raises(GateFailed, match="ratios is not 1 x 1"):
        documents.read(saved(tmp_path / "phone.json", document))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", GateFailed, "is not JSON"),
        ('{"schema_version": NaN}', GateFailed, "NaN is not a JSON number"),
        ('{"schema_version": 1e999}', GateFailed, "is not JSON .1e999 is too large"),
        (f'{{"schema_version": {"1" * 400}}}', GateFailed, "is not JSON .1111"),
        ('{"schema_version": 9, "results": []}', UsageError, "update slide-mobile"),
        ('{"schema_version": 9, "golden": []}', GateFailed, "is not a measurement"),
        ("[" * 100_000, GateFailed, "is not JSON"),
    ],
)
def test_what_is_no_document_is_told(
    content: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(error, match=message):
        documents.read(tmp_path / "x.json")


def test_one_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.json is missing"):
        documents.read(tmp_path / "x.json")


def test_a_document_inside_another_is_checked_too(document: dict[str, Any], tmp_path: Path) -> None:
    inner = json.loads(json.dumps(document))
    inner["results"][0]["p50_ms"] = 99.0
    with pytest.raises(GateFailed, match="p50_ms"):
        documents.read(saved(tmp_path / "x.json", document | {"imported": [inner]}))


def test_documents_in_documents_without_end_are_refused(
    document: dict[str, Any], tmp_path: Path
) -> None:
    text = json.dumps(document | {"imported": []})
    (tmp_path / "x.json").write_text(text.removesuffix("]}") * 300 + "]}" * 300)
    with pytest.raises(GateFailed, match="nested without end"):
        documents.read(tmp_path / "x.json")


def faster(document: dict[str, Any], by: float) -> dict[str, Any]:
    changed = json.loads(json.dumps(document))
    for result in changed["results"]:
        for key in ("p50_ms", "p90_ms", "p99_ms", "mean_ms"):
            result[key] /= by
        result["samples_ms"] = [ms / by for ms in result["samples_ms"]]
    return changed


@pytest.mark.parametrize(("by", "passed"), [(1.04, True), (1.06, False), (0.5, True)])
def test_slower_than_the_baseline_by_more_than_allowed_fails(
    by: float, passed: bool, document: dict[str, Any]
) -> None:
    found = baseline.compare(document, faster(document, by), Path("earlier"), fail_over=5.0)
    (change,) = found["changes"]
    assert (found["passed"], change["passed"]) == (passed, passed)
    assert change["change_percent"] == pytest.approx(100 * (by - 1), abs=0.01)
    documents.require(document | {"baseline": found}, "x")


def test_a_run_that_cannot_be_judged_does_not_pass(document: dict[str, Any]) -> None:
    noisy = json.loads(json.dumps(document))
    noisy["results"][0] |= {"valid": False, "why_invalid": ["spread of 20.0 % is over 10 %"]}
    for now, earlier, whose in ((noisy, document, "this run"), (document, noisy, "the baseline")):
        found = baseline.compare(now, earlier, Path("earlier"), fail_over=5.0)
        assert not found["passed"] and found["changes"][0]["change_percent"] is None
        assert found["changes"][0]["why"] == f"{whose} is invalid: spread of 20.0 % is over 10 %"


def test_artifacts_are_compared_by_name_on_the_same_device_only(document: dict[str, Any]) -> None:
    moved = faster(document, 1.0)
    moved["results"][0]["artifact"] = "/elsewhere/" + document["results"][0]["artifact"]
    assert baseline.compare(document, moved, Path("earlier"), fail_over=5.0)["passed"]
    moved["environment"]["device"] = "Pixel 3"
    with pytest.raises(UsageError, match="it was made on: Pixel 3, Google Tensor G4"):
        baseline.compare(document, moved, Path("earlier"), fail_over=5.0)


def test_imported_measurements_are_compared_too(document: dict[str, Any]) -> None:
    host = json.loads((VECTORS / "valid/no-results.json").read_text()) | {"imported": [document]}
    found = baseline.compare(host, faster(document, 2.0), Path("earlier"), fail_over=5.0)
    assert not found["passed"] and found["changes"][0]["device"] == "Pixel 9"


def test_a_new_artifact_beside_known_ones_passes(document: dict[str, Any]) -> None:
    both = json.loads(json.dumps(document))
    both["results"].append(both["results"][0] | {"artifact": "new"})
    found = baseline.compare(both, document, Path("earlier"), fail_over=5.0)
    assert found["passed"] and found["changes"][1]["why"] == "no earlier measurement"
