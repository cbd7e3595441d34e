"""`doctor --install NAME...`: the environments of toolchains that cannot share ours."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slide_mobile.cli import main
from slide_mobile.targets import cached_folders, environments
from slide_mobile.targets.environments import Environment


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny = Environment(purpose="a test", requirements=(), size_bytes=0)
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", tiny)
    return tmp_path / "cache"


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A requirement that pip installs without a network."""
    wheel = tmp_path / "answer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("answer.py", "VALUE = 42\n")
        info = "answer-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"answer @ {wheel.as_uri()}"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--install", *arguments])


@pytest.mark.slow
def test_one_command_makes_an_environment_and_a_second_one_keeps_it(
    cache: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Environment(purpose="a test", requirements=(package,), size_bytes=0)
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", wanted)
    made = run("tiny", "--json")
    assert made.exit_code == 0, made.output
    (row,) = json.loads(made.stdout)["environments"]
    python = environments.python_of("tiny")
    assert row == {"name": "tiny", "python": str(python), "already_there": False}
    before = python.lstat().st_mtime_ns
    again = run("tiny", "--quiet")
    assert again.exit_code == 0 and str(python) in again.stdout
    assert python.lstat().st_mtime_ns == before
    assert [p.name for p in cache.iterdir() if p.is_dir()] == [python.parent.parent.name]


def test_an_unknown_name_lists_the_known_and_nothing_is_made(cache: Path) -> None:
    result = run("onnx2tf", "onnx3tf")
    assert result.exit_code == 2 and "did you mean 'onnx2tf'?" in result.output
    assert not cache.exists()


def test_no_name_lists_the_known(cache: Path) -> None:
    result = run()
    assert result.exit_code == 2 and "known: onnx2tf, " in result.output
    assert not cache.exists()


def test_a_name_without_install_is_refused() -> None:
    result = CliRunner().invoke(main, ["doctor", "onnx2tf"])
    assert (
        result.exit_code == 2 and "needs --install: slide-mobile doctor --install" in result.output
    )


def test_a_folder_that_cannot_be_written_is_one_line(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    result = run("tiny", "--quiet")
    assert result.exit_code == 3 and result.output.count("\n") == 1
    assert cached_folders.FOLDER_VARIABLE in result.output


def test_an_interruption_is_exit_code_130(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path, **_: object) -> None:
        folder.mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(environments.venv, "create", interrupted)
    result = run("tiny")
    assert result.exit_code == 130
    assert "interrupted; what was finished is kept" in result.output
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_doctor_lists_every_environment_and_whether_it_is_there(cache: Path) -> None:
    page = CliRunner().invoke(main, ["doctor"]).stdout
    for name in environments.ENVIRONMENTS:
        assert f"missing  {name}: " in page
        assert environments.command(name) in page
