"""Separate environments: made whole or not at all, and found by their pins."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slide_mobile.errors import EnvironmentMissing, UnknownName
from slide_mobile.targets import cached_folders, environments
from slide_mobile.targets.environments import Environment

TINY = Environment(purpose="a test", requirements=(), size_bytes=0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", TINY)
    return tmp_path / "cache"


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A requirement that pip installs without a network."""
    project = tmp_path / "answer"
    project.mkdir()
    (project / "answer.py").write_text("VALUE = 42\n")
    wheel = tmp_path / "answer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(project / "answer.py", "answer.py")
        info = "answer-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"answer @ {wheel.as_uri()}"


@pytest.mark.slow
def test_an_environment_is_made_once_and_python_of_finds_it(
    cache: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Environment(purpose="a test", requirements=(package,), size_bytes=0)
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", wanted)
    root = environments.folder("tiny")
    left_by_a_killed_process = root.with_name(f".{root.name}.partial") / "lib" / "left"
    left_by_a_killed_process.mkdir(parents=True)
    made = environments.create("tiny")
    assert not left_by_a_killed_process.exists() and not (root / "lib" / "left").exists()
    python = environments.python_of("tiny")
    assert made == python
    shown = subprocess.run(
        [python, "-I", "-c", "import answer, sys; print(answer.VALUE, sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["42", str(python.parent.parent)]
    before = python.lstat().st_mtime_ns
    assert environments.create("tiny") == python and python.lstat().st_mtime_ns == before
    assert [p.name for p in cache.iterdir() if p.is_dir()] == [python.parent.parent.name]


@pytest.mark.slow
def test_a_failed_install_leaves_nothing_and_is_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = f"answer @ {(tmp_path / 'absent.whl').as_uri()}"
    wanted = Environment(purpose="a test", requirements=(absent,), size_bytes=0)
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", wanted)
    with pytest.raises(
        EnvironmentMissing, match=r"^[^\n]*pip failed with exit code 1[^\n]*$"
    ) as caught:
        environments.create("tiny")
    assert caught.value.exit_code == 3
    assert not environments.exists("tiny") and not any(p.is_dir() for p in cache.iterdir())


def test_a_missing_environment_names_the_command_that_makes_it(cache: Path) -> None:
    with pytest.raises(EnvironmentMissing) as caught:
        environments.python_of("tiny")
    command = "slide-mobile doctor --install tiny"
    assert environments.command("tiny") == command
    assert str(caught.value) == f"this needs the environment 'tiny': run {command}"
    assert caught.value.exit_code == 3


def test_other_pins_are_another_environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environments.folder("tiny")
    other = Environment(purpose="a test", requirements=("click==8.1.0",), size_bytes=0)
    monkeypatch.setitem(environments.ENVIRONMENTS, "tiny", other)
    assert environments.folder("tiny") != before
    assert before.parent == cache and before.name.startswith("tiny-")


def test_an_unknown_environment_lists_the_known(cache: Path) -> None:
    with pytest.raises(UnknownName, match="known: onnx2tf"):
        environments.folder("onnx3tf")
    with pytest.raises(UnknownName, match=r"did you mean 'onnx2tf'\?") as caught:
        environments.create("onnx3tf")
    assert caught.value.exit_code == 2 and not cache.exists()


def test_every_requirement_is_pinned() -> None:
    for environment in environments.ENVIRONMENTS.values():
        assert all("==" in requirement for requirement in environment.requirements)


def test_it_runs_without_our_other_packages() -> None:
    code = (
        "import sys, slide_mobile.targets.environments; "
        "print({'torch', 'numpy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
