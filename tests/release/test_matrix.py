"""A release: what is measured again, what fails it, and what its JSON says."""

from pathlib import Path

import pytest
from files import HEAD, PHONE, TFLITE, plan, record, written
from msgspec.structs import replace

from slide_mobile.artifact import documents as json_documents
from slide_mobile.artifact.atomic import alone_in
from slide_mobile.bench import BenchConfig, documents, host
from slide_mobile.bench.baseline import Baseline
from slide_mobile.bench.documents import BenchDocument, Failure
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import silent
from slide_mobile.release import matrix
from slide_mobile.release.cells import Outcome
from slide_mobile.release.commands import artifact
from slide_mobile.release.documents import Release
from slide_mobile.release.plan import Plan
from slide_mobile.release.records import Record
from slide_mobile.report.documents import Report, Row


def with_bench(out: Path, *names: str, baseline: Baseline | None = None) -> Plan:
    asked = plan(out, *names)
    return Plan(**vars(asked) | {"bench": BenchConfig(), "baseline": baseline})


def test_a_measurement_is_kept_if_it_is_good_and_of_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = documents.read(PHONE)
    noisy = replace(good.results[0], valid=False, why_invalid=("spread of 20.0 % is over 10 %",))
    unsure = tuple((None,) * len(good.results) for _ in good.results)
    noisy_document = replace(good, results=(noisy, *good.results[1:]), ratios=unsure)
    partial = replace(good, failed=(Failure(artifact="b", error="died"),))
    asked = with_bench(tmp_path, "a", "b")
    taken = 0

    def failed(document: BenchDocument, manifest_sha256: str) -> list[str]:
        def bench(*_: object, **__: object) -> BenchDocument:
            nonlocal taken
            taken += 1
            return document

        monkeypatch.setattr(matrix, "measure", bench)
        good_cells = [record("a", manifest_sha256)]
        _, found = matrix._timed(asked, good_cells, force=False, progress=silent)
        return [failure.message for failure in found]

    for document in (noisy_document, partial, good):
        failed(document, "0")
    assert taken == 3
    assert failed(good, "0") == [] and taken == 3
    assert failed(partial, "1") == ["b: died"] and taken == 4
    failed(good, "1")
    monkeypatch.setattr(host, "cpu", lambda: "another")
    failed(good, "1")
    assert taken == 6


def test_a_baseline_of_another_machine_fails_and_the_measurement_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = documents.read(PHONE)
    elsewhere = replace(document, environment=replace(document.environment, device="Pixel 3"))
    baseline = Baseline(file=Path("b.json"), document=elsewhere)
    monkeypatch.setattr(matrix, "measure", lambda *_, **__: document)
    asked = with_bench(tmp_path, "a", baseline=baseline)
    path, failures = matrix._timed(asked, [record("a")], force=False, progress=silent)
    assert path is not None and documents.read(path) == document
    (failure,) = failures
    assert failure.artifact is None and failure.error.startswith("baseline: ")
    assert "it was measured on: Pixel 3" in failure.error


def row(folder: str, *failures: str) -> Row:
    return Row(
        artifact="a", folder=folder, model="m", task="classify", target="t", precision="p",
        backend="b", verdict="failed" if failures else "passed", failures=failures, sqnr_db=100.0,
        min_sqnr_db=90.0, sqnr_here_db=12.5, top1_agreement=None, top1=None, reference_top1=None,
        size_bytes=1, int8_mac_fraction=0.0, partitions=1, delegated_ops=1, total_ops=1, max_rank=4,
        labs=(), device=None, p50_ms=None, p90_ms=None, p99_ms=None, latency_valid=None,
        runtime=None, manifest_sha256="0" * 64,
    )  # fmt: skip


def test_a_file_that_misses_its_floor_in_the_report_fails_the_release_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Plan(**vars(plan(tmp_path, "a", "b")) | {"formats": ("html", "markdown")})
    rows = (row("x/a", "SQNR 12.5 dB, the floor is 90 dB"), row("x/b"))
    written = Report(report="r", format="html", passed=False, artifacts=rows, problems=(), notes=())
    monkeypatch.setattr(matrix, "write_report", lambda *_, **__: written)
    paths, failures = matrix._reported(asked, [record("a"), record("b")], None, silent)
    assert paths == [tmp_path / "report.html", tmp_path / "report.md"]
    (failure,) = failures
    assert failure.artifact == str(artifact(tmp_path, "a"))
    assert failure.message == "a: SQNR 12.5 dB, the floor is 90 dB"


def test_a_cell_that_was_not_converted_has_no_artifact(tmp_path: Path) -> None:
    failed = Record(name="b", fingerprint="", error="no such backend", exit_code=2)
    asked = plan(tmp_path, "a", "b")
    outcomes = (Outcome(record=record("a"), state="kept"), Outcome(record=failed, state="failed"))
    found = [matrix._result(asked, outcome).artifact for outcome in outcomes]
    assert found == [str(artifact(tmp_path, "a")), None]


def test_a_failure_names_its_artifact_or_what_else_failed(tmp_path: Path) -> None:
    asked = plan(tmp_path, "a")
    slower = matrix._failure(asked, "a", "+7.0 % in p50")
    foreign = matrix._failure(asked, "baseline", "b.json has no measurement of these")
    assert (slower.artifact, slower.error) == (str(artifact(tmp_path, "a")), "+7.0 % in p50")
    assert slower.message == "a: +7.0 % in p50"
    assert foreign.artifact is None
    assert foreign.message == foreign.error == "baseline: b.json has no measurement of these"


def test_the_document_of_a_release_reads_back(tmp_path: Path) -> None:
    asked, outcome = plan(tmp_path, "a"), Outcome(record=record("a"), state="kept")
    done = Release(
        out=str(tmp_path), passed=False, cells=(matrix._result(asked, outcome),), bench=None,
        reports=("r.html",), failed=(matrix._failure(asked, "a", "slow"),),
    )  # fmt: skip
    assert json_documents.decode(json_documents.encode(done), Release) == done


def test_two_at_once_into_one_folder_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + TFLITE)
    refused = pytest.raises(SlideMobileError, match="another release is writing to")
    with alone_in(tmp_path / "build/release"), refused:
        matrix.release(file)
