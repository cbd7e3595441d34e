"""`convert` with labs: a file that does not pass in each of them is not kept."""

import json
from pathlib import Path

import fake_lab
import pytest
from click.testing import CliRunner
from fake_converter import FakeConverter, install
from fake_lab import FakeLab, part

from slide_mobile.artifact import documents
from slide_mobile.cli import main
from slide_mobile.errors import EnvironmentMissing, GateFailed, UnknownName, UsageError
from slide_mobile.lab import results
from slide_mobile.lab.verdict import LabResults
from slide_mobile.parity.source import ModelSource
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.convert import convert
from slide_mobile.targets import cached_folders
from slide_mobile.targets.format import Format

UNTRAINED = ModelSource("slide_swin_test", untrained=True)
TO = Format("fake", "fp32")
NAME = "slide_swin_test-fake-fp32"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeConverter:
    """The target "fake", and labs: one is good, one is bad, and one is not set up."""
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    converter = FakeConverter()
    install(monkeypatch, converter)
    fake_lab.install(
        monkeypatch,
        FakeLab().lab("good"),
        FakeLab(decibels=30.0).lab("bad"),
        FakeLab(refused=("ADD of rank 5",)).lab("picky"),
        FakeLab().lab("missing", parts=(part(),)),
        FakeLab().lab("foreign", targets=("onnx",)),
    )
    return converter


def test_a_file_that_passes_has_its_results_beside_the_manifest(
    fake: FakeConverter, tmp_path: Path
) -> None:
    report = tmp_path / f"{NAME}.lab.json"
    report.write_text("of an earlier attempt")
    art = convert(UNTRAINED, to=TO, labs=["good"], out=tmp_path)
    art.verify()
    found = results.read(art)
    assert found is not None and found.missed(["good"]) == ()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_without_labs_there_are_no_results(fake: FakeConverter, tmp_path: Path) -> None:
    assert results.read(convert(UNTRAINED, to=TO, out=tmp_path)) is None


@pytest.mark.parametrize(
    ("lab", "reason"),
    [
        ("bad", r"bad failed in fp32: SQNR 30\.0 dB, the floor is 90\.0 dB"),
        ("picky", "picky refused in fp32: ADD of rank 5"),
    ],
)
def test_a_lab_that_fails_or_refuses_leaves_a_report_and_no_folder(
    lab: str, reason: str, fake: FakeConverter, tmp_path: Path
) -> None:
    report = tmp_path / f"{NAME}.lab.json"
    with pytest.raises(GateFailed, match=f"^{reason}; report: {report}$") as caught:
        convert(UNTRAINED, to=TO, labs=["good", lab], out=tmp_path)
    assert caught.value.exit_code == 1 and list(tmp_path.iterdir()) == [report]
    found = documents.decode(report.read_bytes(), LabResults)
    assert [(v.lab, v.outcome == "passed") for v in found.verdicts] == [
        ("good", True), (lab, False),
    ]  # fmt: skip


def test_a_failure_keeps_the_folder_that_it_was_to_replace(
    fake: FakeConverter, tmp_path: Path
) -> None:
    art = convert(UNTRAINED, to=TO, labs=["good"], out=tmp_path)
    before = results.read(art)
    with pytest.raises(GateFailed):
        convert(UNTRAINED, to=TO, labs=["bad"], out=tmp_path, force=True)
    assert Artifact.load(art.root) == art and results.read(art) == before


@pytest.mark.parametrize(
    ("lab", "error", "message"),
    [
        ("god", UnknownName, "no lab is named 'god'; did you mean 'good'"),
        ("foreign", UsageError, "'foreign' runs files for onnx, not for fake"),
        ("missing", EnvironmentMissing, "run slide-mobile lab setup missing"),
    ],
)
def test_a_lab_that_cannot_run_is_refused_before_anything_is_converted(
    lab: str, error: type[Exception], message: str, fake: FakeConverter, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        convert(UNTRAINED, to=TO, labs=["good", lab], out=tmp_path / "new")
    assert not any(tmp_path.iterdir()) and not fake.written


def test_the_option_is_a_list_of_names(fake: FakeConverter, tmp_path: Path) -> None:
    words = ["convert", "slide_swin_test", "--untrained", "--to", "fake", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*words, "--lab", "good, bad", "--json", "-q"])
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert error.startswith("bad failed in fp32: ") and error.endswith(f"{NAME}.lab.json")
    done = CliRunner().invoke(main, [*words, "--lab", "good", "-q"])
    assert done.exit_code == 0 and (tmp_path / NAME / results.FILE).is_file()
    done = CliRunner().invoke(main, [*words, "--lab", "", "--force", "-q"])
    assert done.exit_code == 2 and "--lab takes names" in done.stderr
