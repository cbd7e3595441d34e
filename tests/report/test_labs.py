"""Labs in a report: a column for each, in the row of the file that ran there."""

import csv
import json
from pathlib import Path

import pytest
from edited import copied
from pages import Seen

from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.lab import results
from slide_mobile.lab.verdict import LabResults, Verdict
from slide_mobile.report import writing

ON_GPU = Verdict(lab="gpu", arithmetic="fp32", outcome="passed", executor="a <GPU>", sqnr_db=121.04)
REFUSED = Verdict(lab="gpu", arithmetic="fp16", outcome="refused", why="ADD is not supported")
WRONG = Verdict(
    lab="arm64-a76", arithmetic="fp32", outcome="failed", executor="an Arm", sqnr_db=3.0,
    why="SQNR 3.0 dB, the floor is 90.0 dB",
)  # fmt: skip


@pytest.fixture
def roots(artifacts: list[ArtifactFolder], tmp_path: Path) -> list[Path]:
    """Two artifacts without results of labs."""
    return [copied(art, tmp_path / f"a{i}") for i, art in enumerate(artifacts[:2])]


def with_results(root: Path, *verdicts: Verdict) -> None:
    art = ArtifactFolder.open(root)
    found = LabResults(manifest_sha256=art.manifest_sha256, verdicts=verdicts)
    results.save(art, found)


def test_each_lab_and_arithmetic_is_a_column(roots: list[Path], tmp_path: Path) -> None:
    with_results(roots[0], ON_GPU, REFUSED)
    written = writing.write_report(roots, tmp_path / "r.html", modules=False)
    assert written.passed  # a refusal does no silent harm
    assert {(v.lab, v.arithmetic) for v in written.artifacts[0].labs} == {
        ("gpu", "fp32"), ("gpu", "fp16"),
    }  # fmt: skip
    page = (tmp_path / "r.html").read_text()
    text = " ".join(Seen(page).text.split())
    assert "artifactgpu, fp16gpu, fp32 fake fp32refused121.0 dB" in text
    assert "int8-dynamicnot runnot run" in text
    assert "What ran: a &lt;GPU&gt;." in page


def test_what_failed_in_a_lab_fails_the_report(roots: list[Path], tmp_path: Path) -> None:
    with_results(roots[1], WRONG)
    written = writing.write_report(roots, tmp_path / "r.md")
    assert not written.passed
    assert [row.verdict for row in written.artifacts] == ["passed", "failed"]
    reason = "arm64-a76 in fp32: SQNR 3.0 dB, the floor is 90.0 dB"
    assert written.artifacts[1].failures == (reason,)
    lines = (tmp_path / "r.md").read_text().splitlines()
    head = lines.index("| artifact | arm64-a76, fp32 | ")
    assert lines[head + 2 : head + 4] == [
        "| fake fp32 | not run |", "| fake int8-dynamic | failed 3.0 dB |",
    ]  # fmt: skip
    assert f"* fake int8-dynamic: {reason}" in lines


def test_the_csv_has_them_in_one_cell(roots: list[Path], tmp_path: Path) -> None:
    with_results(roots[0], ON_GPU, REFUSED)
    writing.write_report(roots, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open() as file:
        cells = [row["labs"] for row in csv.DictReader(file)]
    assert cells == ["gpu fp16 refused; gpu fp32 passed 121.0 dB", ""]


def test_without_labs_there_is_no_such_part(roots: list[Path], tmp_path: Path) -> None:
    written = writing.write_report(roots, tmp_path / "r.html", modules=False)
    assert written.passed and 'id="labs"' not in (tmp_path / "r.html").read_text()


def test_a_damaged_file_of_results_is_named(roots: list[Path], tmp_path: Path) -> None:
    with_results(roots[0], ON_GPU)
    broken = json.loads((roots[0] / results.FILE).read_bytes()) | {"schema_version": 9}
    (roots[0] / results.FILE).write_bytes(documents.encode(broken))
    written = writing.write_report(roots, tmp_path / "r.html", modules=False)
    assert len(written.artifacts) == 1 and len(written.problems) == 1
    assert "lab.json is damaged" in written.problems[0].line
