"""Files on older runtimes: what a runtime computed or said, and the table of it."""

from pathlib import Path

import pytest
from fake_lab import FakeLab
from lab_artifacts import install, made

from benchmarks import runtimes
from benchmarks.lib.results.runtimes import RuntimeRow, Runtimes, table
from slide_mobile.lab.process import Arrays, WorkerFailed

RUNTIME = "tensorflow-2.17"


def row(root: Path, fake: FakeLab, monkeypatch: pytest.MonkeyPatch) -> RuntimeRow:
    """What is found where the runtime computes as the lab does."""
    install(monkeypatch)
    monkeypatch.setattr(
        runtimes.lab, "run", lambda environment, artifact, inputs: fake.run(artifact, inputs)
    )
    return runtimes.run(made(root), RUNTIME, "litert")


@pytest.mark.parametrize(("decibels", "works"), [(120.0, True), (30.0, False)])
def test_a_file_works_where_its_logits_reach_the_floor(
    decibels: float, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = row(tmp_path / "a", FakeLab(decibels=decibels), monkeypatch)
    assert (found.runtime, found.release, found.precision) == (RUNTIME, "1.2", "fp32")
    assert found.works == works and found.error is None
    assert found.sqnr_db == pytest.approx(min(110, decibels), abs=1.0)
    assert found.outcome.endswith(" dB" if works else " dB, wrong")


def test_a_file_that_is_refused_has_the_reason_without_paths_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "a"

    def fail(outputs: Arrays) -> Arrays:
        raise WorkerFailed(f"ValueError: cannot map {root}/model.tflite")

    found = row(root, FakeLab(changed=fail), monkeypatch)
    assert found.error == "ValueError: cannot map /model.tflite"
    assert found.outcome == "refused" and not found.works and found.release is None


def test_a_release_is_a_column_also_where_it_refuses_the_first_file() -> None:
    def of(precision: str, runtime: str, release: str | None) -> RuntimeRow:
        return RuntimeRow(
            model="m", precision=precision, via="litert", runtime=runtime, release=release,
            works=release is not None, sqnr_db=None if release is None else 100.0,
        )  # fmt: skip

    rows = (of("fp32", "old", None), of("fp32", "new", "3.0"), of("int8", "old", "2.0"),
            of("int8", "new", "3.0"))  # fmt: skip
    lines = table(Runtimes(forms_sha256="0" * 64, rows=rows)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    assert cells[0] == ["model", "precision", "TFLite 2.0", "TFLite 3.0"]
    assert cells[2:] == [
        ["m", "`fp32`", "refused", "100.0 dB"],
        ["m", "`int8`", "100.0 dB", "100.0 dB"],
    ]
