"""Files in labs: a line for each file, a column for each lab and arithmetic."""

import json
from pathlib import Path

import pytest
from fake_lab import FakeLab, install
from lab_artifacts import install as install_runtime
from lab_artifacts import made

from benchmarks import labs
from benchmarks.lib.results.document import read
from benchmarks.lib.results.labs import LabRow, Labs, table
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.lab.verdict import Outcome, Verdict
from slide_mobile.targets.format import Format


def row(precision: str, lab: str, outcome: Outcome, sqnr_db: float | None) -> LabRow:
    verdict = Verdict(lab=lab, arithmetic="fp32", outcome=outcome, sqnr_db=sqnr_db)
    return LabRow(model="m", target="tflite", precision=precision, verdict=verdict)


def test_a_lab_that_did_not_run_a_file_leaves_its_cell_empty() -> None:
    rows = (row("fp32", "gpu", "passed", 121.0), row("int8", "gpu", "failed", 3.0),
            row("int8", "arm64-a76", "refused", None))  # fmt: skip
    lines = table(Labs(forms_sha256="0" * 64, rows=rows)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    assert cells[0] == ["model", "target", "precision", "gpu, fp32", "arm64-a76, fp32"]
    assert cells[2:] == [
        ["m", "tflite", "`fp32`", "121.0", ""],
        ["m", "tflite", "`int8`", "failed 3.0", "refused"],
    ]


def test_every_file_runs_once_in_every_lab_that_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, FakeLab().lab("good"), FakeLab(decibels=30.0).lab("bad"))
    install_runtime(monkeypatch)
    artifact, asked = made(tmp_path / "a"), []

    def converted(model: str, to: Format, folder: Path) -> ArtifactFolder:
        asked.append((model, to))
        return artifact

    facts = artifact.manifest
    file = facts.model.name, Format(facts.target, facts.precision)
    monkeypatch.setattr(labs, "converted", converted)
    monkeypatch.setattr(labs, "_files", lambda options: iter([file]))
    for arguments in ([], [], ["--force"]):  # what is in the file is not run again
        monkeypatch.setattr("sys.argv", ["labs", "--out", str(tmp_path / "labs.json"), *arguments])
        labs.main()
        found = read(tmp_path / "labs.json", Labs)
        assert [(r.verdict.lab, r.verdict.outcome) for r in found.rows] == [
            ("good", "passed"), ("bad", "failed"),
        ]  # fmt: skip
    assert asked == [file, file]
    assert json.loads((tmp_path / "labs.json").read_bytes())["forms_sha256"]
