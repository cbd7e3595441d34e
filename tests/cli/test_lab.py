"""`lab` on the command line: what is listed, run, kept and refused, and with which exit code."""

from pathlib import Path

import fake_lab
import lab_artifacts
import pytest
from calls import run
from fake_lab import FakeLab, part
from lab_artifacts import COUNT, made

from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.cli.lab import Labs, Results
from slide_mobile.lab import catalogue, results
from slide_mobile.lab.labs import Lab
from slide_mobile.lab.process import Arrays, WorkerFailed
from slide_mobile.targets import cached_folders


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactFolder:
    """An artifact that runs here; no part of a lab is made."""
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    lab_artifacts.install(monkeypatch)
    return made(tmp_path / "a")


def missing(name: str = "missing") -> Lab:
    return FakeLab().lab(name, parts=(part(),))


def test_bare_lab_lists_all_labs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    done = run("lab", "--json")
    found = documents.decode(done.stdout.encode(), Labs).labs
    assert done.exit_code == 0 and [lab.name for lab in found] == list(catalogue.LABS)
    gpu = found[0]
    assert gpu.name == "gpu" and not gpu.ready
    assert gpu.command == "slide-mobile lab setup gpu"
    assert gpu.proves == catalogue.LABS["gpu"].proves
    page = run("lab").stdout
    assert all(lab.name in page and lab.leaves_open in page for lab in found)
    assert not any(tmp_path.iterdir())


def test_the_list_says_what_is_ready_and_the_command_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    fake_lab.install(monkeypatch, FakeLab().lab("good"), missing("b"), missing("c"))
    lines = run("lab").stdout.splitlines()
    assert [line.split()[:2] for line in lines if "it computes what" in line] == [
        ["good", "ready"], ["b", "missing"], ["c", "missing"],
    ]  # fmt: skip
    assert lines[-1] == "  slide-mobile lab setup b c"
    assert "setup" not in run("lab", "--lab", "good").stdout


def test_setup_makes_what_is_missing_and_lists_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    fake_lab.install(monkeypatch, missing("b"), FakeLab().lab("c", parts=(part("other"),)))
    done = run("lab", "setup", "b", "--json")
    (found,) = documents.decode(done.stdout.encode(), Labs).labs
    assert done.exit_code == 0 and found.name == "b" and found.ready
    assert "make nothing (1 MB): for a test" in done.stderr
    assert not catalogue.is_ready(catalogue.LABS["c"])
    done = run("lab", "setup")
    assert "make other" in done.stderr and "make nothing" not in done.stderr
    assert "setup" not in done.stdout  # nothing is missing


def test_results_are_printed_and_kept(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = FakeLab(arithmetics=("fp32", "fp16"))
    other = FakeLab().lab("other", parts=(part(),), targets=("onnx",))
    fake_lab.install(monkeypatch, good.lab("good"), missing(), other)
    done = run("lab", artifact.root, "--json", "-q")
    assert done.exit_code == 0 and done.stderr == ""
    (found,) = documents.decode(done.stdout.encode(), Results).artifacts
    assert found.artifact == str(artifact.root)
    assert found.not_run == ("missing",)  # what it does not run at all is not missed
    assert [(v.lab, v.arithmetic, v.images) for v in found.verdicts] == [
        ("good", "fp32", 4), ("good", "fp16", 4),
    ]  # fmt: skip
    kept = results.read(artifact)
    assert kept is not None and set(kept.verdicts) == set(found.verdicts)


def test_the_page_has_numbers_executors_and_what_to_set_up(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab.install(monkeypatch, FakeLab().lab("good"), missing())
    lines = run("lab", artifact.root, "-q").stdout.splitlines()
    words = [line.split() for line in lines]
    assert lines[0] == str(artifact.root)
    kept = results.read(artifact)
    assert kept is not None
    numbers = [f"{x:.1f}" for x in (kept.verdicts[0].sqnr_db, 90, kept.verdicts[0].host_sqnr_db)]
    assert ["good", "fp32", "passed", *numbers] in words
    assert ["good", "fp32", "by", "a", "test,", "release", "1.2"] in words
    assert ["not", "set", "up", "missing"] in words
    assert lines[-1] == "  slide-mobile lab setup missing"


def test_run_is_the_long_name_and_images_can_be_counted(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLab()
    fake_lab.install(monkeypatch, fake.lab())
    done = run("lab", "run", artifact.root, "--images", "2", "-q")
    assert done.exit_code == 0 and fake.inputs is not None and len(fake.inputs) == 3
    run("lab", artifact.root, "--images", "100", "-q")
    assert len(fake.inputs) == COUNT + 1
    assert run("lab", artifact.root, "--images", "0").exit_code == 2


def test_another_result_than_pytorch_s_is_exit_code_1_and_is_kept(
    artifact: ArtifactFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLab(decibels=20.0)
    fake_lab.install(monkeypatch, fake.lab("bad"), FakeLab().lab("good"))
    done = run("lab", artifact.root, made(tmp_path / "b").root, "-q")
    assert done.exit_code == 1
    why = "failed: SQNR 20.0 dB, the floor is 90.0 dB"
    assert done.stdout.count(why) == 2
    kept = results.read(artifact)
    assert kept is not None and [v.outcome for v in kept.verdicts] == ["failed", "passed"]
    # The other lab's result stays when this one runs again.
    fake.decibels = 120.0
    assert run("lab", artifact.root, "--lab", "bad", "-q").exit_code == 0
    kept = results.read(artifact)
    assert kept is not None and [v.outcome for v in kept.verdicts] == ["passed", "passed"]


def test_a_refusal_is_reported_and_no_failure(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(outputs: Arrays) -> Arrays:
        raise WorkerFailed("SIGSEGV: [red]no[/] kernel")

    fake_lab.install(monkeypatch, FakeLab(changed=fail).lab("gpu"))
    done = run("lab", artifact.root, "-q")
    assert done.exit_code == 0 and "refused: SIGSEGV: [red]no[/] kernel" in done.stdout


def test_a_target_that_no_lab_runs_is_said_so(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab.install(monkeypatch, FakeLab().lab(targets=("onnx",)))
    done = run("lab", artifact.root, "-q")
    assert "not run  no lab that is set up runs such a file" in done.stdout
    assert "passed" not in done.stdout


def one_line(code: int, *arguments: object) -> str:
    done = run(*arguments, "-q")
    assert done.exit_code == code and done.stdout == "", done.output
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("words", [("setup",), ("run", "--lab"), ("--lab",)])
def test_an_unknown_lab_is_a_wrong_call(words: tuple[str, ...]) -> None:
    assert "no lab is named 'gpuu'; did you mean 'gpu'?" in one_line(2, "lab", *words, "gpuu")


def test_a_list_without_a_name_is_a_wrong_call(artifact: ArtifactFolder) -> None:
    for text in ("", " , "):
        line = one_line(2, "lab", artifact.root, "--lab", text)
        assert line == f"error: --lab takes names with commas between them, not {text!r}"


def test_a_lab_that_is_named_has_to_be_set_up(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab.install(monkeypatch, FakeLab().lab("good"), missing("b"))
    line = one_line(3, "lab", artifact.root, "--lab", "good,b")
    assert line == "error: not set up: b; run slide-mobile lab setup b"
    assert results.read(artifact) is None


def test_without_any_lab_nothing_is_called_passed(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab.install(monkeypatch, missing())
    assert "no lab is set up; run slide-mobile lab setup" in one_line(3, "lab", artifact.root)


def test_what_cannot_be_kept_or_is_no_artifact_is_refused_before_anything_runs(
    artifact: ArtifactFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLab()
    fake_lab.install(monkeypatch, fake.lab())
    assert "is not an artifact folder" in one_line(2, "lab", artifact.root, tmp_path / "none")
    other = made(tmp_path / "b").root
    (other / "lab.json").write_text("{")
    assert "lab.json is damaged: it is not JSON" in one_line(2, "lab", artifact.root, other)
    assert fake.inputs is None


def test_a_file_that_was_changed_is_exit_code_1(
    artifact: ArtifactFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab.install(monkeypatch, FakeLab().lab())
    artifact.model_path.write_bytes(b"2")
    assert "does not match the manifest" in one_line(1, "lab", artifact.root)
