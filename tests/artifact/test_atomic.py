"""A folder appears complete or not at all, even if another process is building it."""

import fcntl
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from artifact_folders import folder as whole
from artifact_folders import plain

from slide_mobile.artifact.atomic import alone_in, staging, write_file
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import OutputError


def artifact(root: Path) -> None:
    """Make a folder that looks like an artifact."""
    root.mkdir()
    (root / "manifest.json").write_text(json.dumps(plain()))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    with staging(tmp_path / "out" / "a", force=False) as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "out" / "a").exists()
    assert names(tmp_path / "out") == ["a"] and names(tmp_path / "out" / "a") == ["x"]


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_ends_early(
    reason: type[BaseException], tmp_path: Path
) -> None:
    with pytest.raises(reason), staging(tmp_path / "a", force=False) as folder:
        (folder / "x").write_text("1")
        raise reason
    assert names(tmp_path) == []


def test_an_existing_folder_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (
        pytest.raises(OutputError, match=r"exists; .*--force"),
        staging(tmp_path / "a", force=False),
    ):
        raise AssertionError("must not be entered")


def test_a_forced_replacement_that_fails_keeps_the_old_folder(tmp_path: Path) -> None:
    artifact(tmp_path / "a")
    with pytest.raises(RuntimeError), staging(tmp_path / "a", force=True):
        raise RuntimeError
    assert names(tmp_path / "a") == ["manifest.json"]


def test_force_replaces_no_folder_that_is_not_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("1")
    with (
        pytest.raises(OutputError, match="a is not an artifact, so it is not replaced"),
        staging(tmp_path / "a", force=True),
    ):
        raise AssertionError("must not be entered")
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["thesis.tex"]


def test_force_replaces_the_whole_folder(tmp_path: Path) -> None:
    artifact(tmp_path / "a")
    with staging(tmp_path / "a", force=True) as folder:
        (folder / "new").write_text("1")
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["new"]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".a.partial-deadbeef").mkdir()
    (tmp_path / ".another.partial-deadbeef").mkdir()
    with staging(tmp_path / "a", force=False):
        pass
    assert names(tmp_path) == [".another.partial-deadbeef", "a"]


def test_what_another_process_is_building_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".a.partial-alive").mkdir()
    lock = os.open(tmp_path / ".a.partial-alive", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with staging(tmp_path / "a", force=False):
            pass
    finally:
        os.close(lock)
    assert names(tmp_path) == [".a.partial-alive", "a"]


def test_of_two_builders_the_slower_is_refused_at_the_end(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="exists"),
        staging(tmp_path / "a", force=False) as slow,
    ):
        (slow / "slow").write_text("1")
        with staging(tmp_path / "a", force=False) as fast:
            (fast / "fast").write_text("1")
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["fast"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / ".a.replaced-deadbeef").mkdir()
    (tmp_path / ".a.replaced-deadbeef" / "old").write_text("1")
    with pytest.raises(RuntimeError), staging(tmp_path / "a", force=True):
        raise RuntimeError
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["old"]


def test_force_replaces_a_link_to_an_artifact_and_leaves_its_target(tmp_path: Path) -> None:
    artifact(tmp_path / "elsewhere")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="exists"), staging(tmp_path / "a", force=False):
        raise AssertionError("must not be entered")
    with staging(tmp_path / "a", force=True) as folder:
        (folder / "new").write_text("1")
    assert names(tmp_path / "a") == ["new"] and not (tmp_path / "a").is_symlink()
    assert names(tmp_path / "elsewhere") == ["manifest.json"]


def test_parents_that_were_made_go_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staging(tmp_path / "x" / "y" / "a", force=False):
        raise RuntimeError
    assert names(tmp_path) == []


def test_an_error_that_is_not_about_the_output_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), staging(tmp_path / "a", force=False):
        raise ConnectionError


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot create the folder"),
        staging(tmp_path / "file" / "a", force=False),
    ):
        raise AssertionError("must not be entered")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="No space left on device"),
        staging(tmp_path / "a", force=False) as folder,
    ):
        (folder / "x").write_text("1")
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_a_file_is_replaced_whole_or_left_as_it_was(tmp_path: Path) -> None:
    write_file(tmp_path / "new" / "a", "1")
    write_file(tmp_path / "new" / "a", "é")
    assert (tmp_path / "new" / "a").read_bytes() == "é".encode()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "new" / "a" / "below"):
        with pytest.raises(OutputError, match=f"cannot write {path}: "):
            write_file(path, "2")
    assert names(tmp_path) == ["folder", "new"] and names(tmp_path / "new") == ["a"]


def test_a_folder_that_is_held_is_waited_for_or_refused(tmp_path: Path) -> None:
    folder, entered = tmp_path / "new" / "folder", threading.Event()

    def enter() -> None:
        with alone_in(folder):
            entered.set()

    second = threading.Thread(target=enter)
    with alone_in(folder):
        second.start()
        assert not entered.wait(0.2)
        with pytest.raises(OutputError, match="busy"), alone_in(folder, busy="it is busy"):
            pass
    second.join(timeout=10)
    assert entered.is_set()


@pytest.mark.parametrize("step", range(5))
def test_a_signal_at_any_step_of_a_replacement_loses_and_leaves_nothing(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(tmp_path / "a")
    steps = iter(range(10))

    def interrupted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **kwargs: object) -> object:
            found = call(*args, **kwargs)
            if next(steps) == step:
                raise KeyboardInterrupt
            return found

        return wrapped

    def build() -> None:
        with staging(tmp_path / "a", force=True) as partial:
            whole(partial, labels=b"new\nlabels\n")
            for owner, name in ((Path, "rename"), (os, "unlink"), (os, "rmdir")):
                monkeypatch.setattr(owner, name, interrupted(getattr(owner, name)))

    with pytest.raises(KeyboardInterrupt):
        build()
    monkeypatch.undo()
    assert names(tmp_path) == ["a"]
    ArtifactFolder.open(tmp_path / "a").verify()
