"""Folders of the cache: whole or not there, and made by one process at a time."""

import multiprocessing
import time
from pathlib import Path

import pytest

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.targets import cached_folders


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return cached_folders.place("a", ["pin==1"])


def fill(folder: Path) -> None:
    folder.mkdir()
    (folder / "file").write_text("whole")


def test_other_names_and_other_pins_are_other_folders(root: Path) -> None:
    every = (("a", ["1"]), ("a", ["2"]), ("a", ["1", "2"]), ("a", ["12"]), ("b", ["1"]))
    found = [cached_folders.place(name, pins) for name, pins in every]
    assert len({root, *found}) == 6 and {path.parent for path in found} == {root.parent}
    assert cached_folders.place("a", iter(["pin==1"])) == root


def test_the_cache_is_the_user_s_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cached_folders.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached_folders.cache() == tmp_path / "slide-mobile"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cached_folders.cache() == tmp_path / "home/.cache/slide-mobile"


def test_it_is_built_elsewhere_and_made_once(root: Path) -> None:
    built: list[Path] = []

    def make(folder: Path) -> None:
        built.append(folder)
        assert not root.exists() and not folder.exists()
        fill(folder)

    cached_folders.build(root, make)
    cached_folders.build(root, make)
    assert len(built) == 1 and built[0] != root and not built[0].exists()
    assert (root / "file").read_text() == "whole"


@pytest.mark.parametrize("error", [EnvironmentMissing("no network"), KeyboardInterrupt()])
def test_what_fails_leaves_nothing_and_can_be_tried_again(root: Path, error: BaseException) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise error

    with pytest.raises(type(error)):
        cached_folders.build(root, fail)
    assert not [path for path in root.parent.iterdir() if path.is_dir()]
    cached_folders.build(root, fill)
    assert root.is_dir()


def test_what_a_killed_process_has_left_is_not_taken_over(root: Path) -> None:
    partial = root.with_name(f".{root.name}.partial")
    (partial / "left").mkdir(parents=True)
    cached_folders.build(root, fill)
    assert [path.name for path in root.iterdir()] == ["file"]


def slow(folder: Path) -> None:
    """Fill the folder, and note that it was done."""
    with (folder.parent / "notes").open("a") as notes:
        notes.write("made\n")
    time.sleep(1)
    fill(folder)


def test_two_processes_make_it_once(root: Path) -> None:
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=cached_folders.build, args=(root, slow)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (root.parent / "notes").read_text() == "made\n" and (root / "file").exists()


def test_a_cache_that_cannot_be_written_is_one_line(root: Path) -> None:
    root.parent.write_text("a file where the folder should be")
    with pytest.raises(EnvironmentMissing, match=cached_folders.FOLDER_VARIABLE) as caught:
        cached_folders.build(root, fill)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3
