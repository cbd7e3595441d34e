"""The written file: its formats, what fails it, and where it cannot be written."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from edited import copied, edited
from msgspec.structs import replace
from pages import Seen

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.cli import main
from slide_mobile.errors import OutputError, UsageError
from slide_mobile.report import writing


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", "--quiet", *map(str, arguments)])


@pytest.mark.slow
def test_the_numbers_are_the_manifests(classifiers: list[ArtifactFolder], tmp_path: Path) -> None:
    out = tmp_path / "report.csv"
    writing.write_report([a.root for a in classifiers], out, modules=False)
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["artifact"] for row in rows] == ["tflite fp32", "tflite int8", "onnx int8"]
    for row, art in zip(rows, classifiers, strict=True):
        assert float(row["sqnr_db"]) == art.manifest.parity.sqnr_db
        assert int(row["size_bytes"]) == art.manifest.size_bytes
        assert row["manifest_sha256"] == art.manifest_sha256
        assert row["verdict"] == "passed" and row["p50_ms"] == ""
        # Run again here, on some of the images that the conversion compared.
        assert abs(float(row["sqnr_here_db"]) - float(row["sqnr_db"])) < 12


def test_damaged_artifacts_are_a_line_each_and_the_rest_goes_on(
    artifacts: list[ArtifactFolder], tmp_path: Path
) -> None:
    flipped, garbled, older = (copied(artifacts[0], tmp_path / n) for n in ("f", "g", "o"))
    model = ArtifactFolder.open(flipped).model_path
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    (garbled / "manifest.json").write_text("{")
    plain = json.loads((older / "manifest.json").read_text()) | {"schema_version": 4}
    (older / "manifest.json").write_text(json.dumps(plain))
    (tmp_path / "b.json").write_text('{"schema_version": 1}')
    out = tmp_path / "r.html"
    result = run(
        flipped, artifacts[0].root, garbled, older, tmp_path / "nowhere", "--no-modules",
        "--bench", tmp_path / "b.json", "--bench", tmp_path / "none.json", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 6 and all(line.startswith("error: ") for line in lines)
    for word in ("does not match the manifest", "is not JSON", "schema 4", "nowhere", "b.json"):
        assert word in result.stderr and word in Seen(out.read_text()).text
    assert "passed" in result.stdout and str(out) in result.stdout


def test_a_file_that_misses_its_floor_here_fails_the_report(
    artifacts: list[ArtifactFolder], tmp_path: Path
) -> None:
    folder = copied(artifacts[0], tmp_path / "wrong")
    golden = [
        replace(item, logits=tuple(-x for x in item.logits or ()))
        for item in artifacts[0].manifest.golden
    ]
    edited(folder, golden=tuple(golden))
    result = run(folder, "--no-modules", "--out", tmp_path / "r.md")
    assert result.exit_code == 1 and "failed" in result.stdout
    assert "the floor is 90 dB" in result.stdout
    assert "the floor is 90 dB" in (tmp_path / "r.md").read_text()


def test_nothing_but_damage_is_still_a_page(tmp_path: Path) -> None:
    for name in ("r.html", "r.md", "r.csv"):
        assert run(tmp_path / "a", tmp_path / "b", "--out", tmp_path / name).exit_code == 1
        assert (tmp_path / name).read_text()
    assert "0 of 2" in Seen((tmp_path / "r.html").read_text()).text


def test_the_command_prints_one_document_with_json(
    artifacts: list[ArtifactFolder], tmp_path: Path
) -> None:
    result = run(artifacts[0].root, "--json", "--no-modules", "--out", tmp_path / "r.md")
    assert result.exit_code == 0
    plain = json.loads(result.stdout)
    assert plain["passed"] and plain["format"] == "markdown" and plain["problems"] == []
    assert [row["artifact"] for row in plain["artifacts"]] == ["fake fp32"]


@pytest.mark.parametrize(("name", "error"), [("r.pdf", UsageError), ("", OutputError)])
def test_a_place_that_cannot_take_the_report_is_refused(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        writing.write_report([tmp_path], tmp_path / name, format=None if name else "html")


def test_what_is_no_file_is_not_replaced_by_the_report(tmp_path: Path) -> None:
    # As /dev/null and /dev/stdout are: for root, a file in their place is one for everybody.
    os.mkfifo(pipe := tmp_path / "r.md")
    with pytest.raises(OutputError, match="is not a regular file"):
        writing.write_report([tmp_path], pipe)
    assert pipe.is_fifo() and [path.name for path in tmp_path.iterdir()] == ["r.md"]


def test_a_date_can_be_given(
    artifacts: list[ArtifactFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    out = tmp_path / "r.html"
    texts = []
    for _ in range(2):
        writing.write_report([artifacts[0].root], out, modules=False)
        texts.append(out.read_text())
    assert "1970-01-01 00:00 UTC" in texts[0] and texts[0] == texts[1]
