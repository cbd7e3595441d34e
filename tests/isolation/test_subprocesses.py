"""Processes of our own run this package, and nothing of the folder that they start in."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

import slide_mobile
from slide_mobile.isolation import subprocesses

T = TypeVar("T")


def test_a_file_of_the_user_s_is_not_taken_for_a_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('imported from the current folder')\n")
    command, environment = subprocesses.python("slide_mobile", "--version")
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert slide_mobile.__version__ in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_process_that_measures_does_not_outlive_the_one_that_asked() -> None:
    # It says nothing for as long as a session lasts, so that a closed pipe would be noticed late.
    code = (
        "from slide_mobile.bench import messages, processes\n"
        "from slide_mobile.isolation import subprocesses\n"
        "subprocesses.python = lambda *_: (['sleep', '60'], None)\n"
        "with processes.started([messages.ProfileRequest(artifact=b'', threads=1)]): pass\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        (process,) = waited_for(lambda: children.read_text().split())
        # Until it runs its program, it has not asked to be ended with its parent.
        assert waited_for(
            lambda: Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"sleep")
        )
        parent.kill()
    assert waited_for(lambda: not is_running(process))


def waited_for(condition: Callable[[], T]) -> T:
    """What it gives as soon as that is anything, or after half a minute."""
    end = time.monotonic() + 30
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def is_running(process: str) -> bool:
    """Whether it is there, and not only its last word for a parent that does not listen."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
