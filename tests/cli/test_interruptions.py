"""A command that is ended from outside leaves no artifact, and the next run works."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import CONVERT, command, run

from slide_mobile.artifact import embed
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.release import matrix
from slide_mobile.report import writing


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal: the tests themselves may run in the background, ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_that_a_toolchain_swallows_is_not_forgotten() -> None:
    def command(session: Session) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        session.progress("the next stage")
        raise AssertionError("the interruption was forgotten")

    with pytest.raises(SystemExit) as caught:
        verb(command)(as_json=False, quiet=True, debug=False)
    assert caught.value.code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("module", "name", "arguments", "message"),
    [
        (matrix, "release", ["release", "release.toml"], "interrupted; what was finished is kept"),
        (embed, "embed", ["embed", "a", "--app", "b"], "interrupted; what was finished is kept"),
        (
            writing,
            "write_report",
            ["report", "a", "--out", "r.md"],
            "interrupted; nothing was written",
        ),
    ],
    ids=["release", "embed", "report"],
)
def test_an_interruption_says_what_is_left(
    module: object, name: str, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, interrupt)
    done = run(*arguments)
    assert done.exit_code == 130 and done.stderr.splitlines()[-1] == f"error: {message}"


def start(out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("convert", "slide_swin_test", "--untrained", "--to", "tflite", "--out", out),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:  # progress goes to stderr, a line a stage
        if "lower to tflite" in line:
            break
    time.sleep(1)
    return process


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == "error: interrupted; nothing was written" and out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_kill_leaves_no_artifact_and_the_next_run_works(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate()
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    subprocess.run(command(*CONVERT, "--untrained", "--out", tmp_path), check=True)
    assert [p.name for p in tmp_path.iterdir()] == ["slide_swin_test-tflite-fp32"]


@pytest.mark.slow
def test_a_write_that_fails_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def no_file_above_64_kb() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(
        command(*CONVERT, "--untrained", "--out", tmp_path),
        capture_output=True, text=True, check=False, preexec_fn=no_file_above_64_kb,
        # Python would leave half of a large module's bytecode, for others to stumble over.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write to" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
