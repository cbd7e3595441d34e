"""Calls in a child process: values come back, and however the child ends, the caller goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import guests
import numpy as np
import pytest

from slide_mobile.errors import ArtifactError, ToolchainMissing, UnknownName
from slide_mobile.isolation import limits

pytestmark = pytest.mark.isolated
FILE = Path("folder/model.tflite")


def test_values_come_back_from_one_other_process() -> None:
    values = np.arange(6, dtype="f4").reshape(2, 3)
    found = guests.doubled(FILE, values)
    assert isinstance(found, dict)
    assert np.array_equal(found["values"], values * 2)
    assert found["inner"] == found["own"] != os.getpid()  # no child of a child


def test_each_call_has_a_process_of_its_own() -> None:
    assert len({guests.process(FILE) for _ in range(3)} | {os.getpid()}) == 4


def test_progress_is_reported_here() -> None:
    said: list[object] = []
    guests.doubled(
        FILE, np.ones(1, "f4"), progress=lambda stage, done=None: said.append((stage, done))
    )
    assert said == [("double", 0.5)]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGKILL])
def test_a_child_that_dies_is_one_line_with_file_signal_and_stage(number: signal.Signals) -> None:
    with pytest.raises(ArtifactError) as caught:
        guests.killed(FILE, number)
    assert str(caught.value) == (
        f"{FILE} ended the process that read it: {number.name}; it was at: read the third image"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("status", [0, 1, 139])
def test_a_child_that_leaves_without_a_word_is_one_line(status: int) -> None:
    with pytest.raises(ArtifactError, match=f"model.tflite ended .*: exit code {status}$"):
        guests.left(FILE, status)


def test_a_child_that_grows_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 1 << 30)
    with pytest.raises(ArtifactError, match=r"given up: it took more than 1 GB of memory$"):
        guests.grown(FILE)


def test_a_child_that_hangs_is_ended() -> None:
    with pytest.raises(ArtifactError, match=r"given up: nothing came of it in 1 s$"):
        guests.hung(FILE)


def test_a_file_without_end_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"File too large"):  # Python ignores SIGXFSZ
        guests.written(tmp_path / "large")


def test_our_errors_come_back_as_they_are() -> None:
    with pytest.raises(UnknownName, match=r"^no model is named 'x{80}'; known: swin, pvt$"):
        guests.unknown(FILE)
    with pytest.raises(ToolchainMissing, match=r"needs litert, which cannot be loaded") as caught:
        guests.missing(FILE)
    assert caught.value.exit_code == 3
    assert "guests.py" in str(caught.value.__cause__)  # where, for --debug


def test_an_error_that_cannot_be_copied_says_the_same() -> None:
    with pytest.raises(RuntimeError, match=r"^Local: odd$"):
        guests.broken(FILE)


def test_ctrl_c_ends_the_child_by_way_of_its_caller_alone() -> None:
    assert guests.interrupted(FILE) == "went on"


@pytest.mark.parametrize("call", [guests.hung, guests.process])
def test_no_child_is_left(call: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"import guests; from pathlib import Path; guests.{call.__name__}(Path())"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        time.sleep(1.5)
        found = children.read_text().split() if children.exists() else []
        parent.kill()
    time.sleep(0.3)
    assert not [pid for pid in found if Path(f"/proc/{pid}/cmdline").exists()]
