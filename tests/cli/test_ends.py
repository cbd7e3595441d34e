"""A command that is ended, or that the system refuses something, says so and leaves nothing."""

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from calls import run
from fake_converter import FakeConverter, install

from slide_mobile import __main__ as program
from slide_mobile.artifact import atomic, scratch
from slide_mobile.cli import main
from slide_mobile.cli.explaining import explained
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import ArtifactError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAKE = ["convert", "slide_swin_test", "--untrained", "--to", "fake", "-q", "--out"]


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Signals as in a terminal: the tests themselves may run in the background."""
    before = [signal.signal(number, signal.SIG_DFL) for number in ENDING[1:]]
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, interrupt)
    for number, handler in zip(ENDING[1:], before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING, ids=lambda s: s.name)
@pytest.mark.parametrize("where", ["before", "while it is written", "cleaning up", "swallowed"])
def test_a_signal_ends_a_conversion_in_good_order(
    number: signal.Signals, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(path: Path) -> None:
        (path.parent / "half").write_text("1")
        if where == "before":
            path.unlink(missing_ok=True)
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            if where != "swallowed":
                raise

    removed = atomic.shutil.rmtree

    def again(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)  # an impatient second Ctrl-C
        removed(*arguments, **options)

    install(monkeypatch, FakeConverter(before_writing=end))
    if where == "cleaning up":
        monkeypatch.setattr(atomic.shutil, "rmtree", again)
    done = run(*FAKE, tmp_path / "out")
    assert done.exit_code == 128 + number
    how = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert done.stderr.strip() == f"error: {how}; nothing was written"
    assert list(tmp_path.iterdir()) == []
    assert [signal.getsignal(s) for s in ENDING] == [
        signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL,
    ]  # fmt: skip


def test_a_signal_that_a_shell_ignores_stays_ignored() -> None:
    def work(session: Session) -> None:
        signal.raise_signal(signal.SIGHUP)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    with pytest.raises(SystemExit) as caught:
        verb(work)(as_json=False, quiet=True, debug=False)
    assert caught.value.code == 0


def test_temporary_files_of_a_command_go_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stale = tmp_path / f".slide-mobile.partial-{'0' * 32}"  # of a command that was killed
    stale.mkdir()
    seen: list[Path] = []

    def work(session: Session) -> None:
        seen.extend((Path(tempfile.mkdtemp()), Path(os.environ["TMPDIR"])))
        Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).mkdir()
        assert scratch.outer() == tmp_path and not stale.exists()
        raise ArtifactError("it fails")

    with pytest.raises(SystemExit):
        verb(work)(as_json=False, quiet=True, debug=False)
    assert [path.is_relative_to(tmp_path) for path in seen] == [True, True]
    assert list(tmp_path.iterdir()) == [] and tempfile.tempdir == str(tmp_path)
    assert not {"TMPDIR", "TORCHINDUCTOR_CACHE_DIR"} & os.environ.keys()


def test_without_a_temporary_folder_a_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    assert run("models", "-q").exit_code == 0


def test_a_full_temporary_folder_is_not_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ArtifactError("model.onnx is damaged")

    monkeypatch.setattr("slide_mobile.models.catalogue.list_models", fail)
    assert run("models", "-q").stderr == "error: model.onnx is damaged\n"
    full = SimpleNamespace(free=4096)
    monkeypatch.setattr(scratch, "shutil", SimpleNamespace(disk_usage=lambda _: full))
    done = run("models", "-q")
    assert done.exit_code == 3 and "the folder for temporary files, is full" in done.stderr


SYSTEM: list[tuple[Exception, int, str]] = [
    (MemoryError(), 3, "out of memory"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), 3, "out of memory"),
    (ImportError("libtorch.so: failed to map segment from shared object"), 3, "out of memory"),
    (RuntimeError("can't start new thread"), 3, "out of memory"),
    (ValueError("Invalid log settings: -1, must be a comma separated list"), 2, "TORCH_LOGS"),
    (OSError(errno.EMFILE, "Too many open files", "x"), 3, "raise ulimit -n"),
    (OSError(errno.EFBIG, "File too large"), 3, "raise ulimit -f"),
    (OSError(errno.ENOSPC, "No space left on device"), 3, "free space"),
    (OSError(errno.ENOENT, "No such file or directory", "golden/00.ppm"), 2, "golden/00.ppm"),
    (OSError(errno.ELOOP, "Too many levels of symbolic links", "x"), 2, "symbolic links"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), 2, "cannot use xxx"),
    (ZeroDivisionError("a bug"), 70, "internal error (ZeroDivisionError: a bug)"),
]


@pytest.mark.parametrize(("error", "code", "words"), SYSTEM, ids=lambda x: str(x)[:40])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_the_system_refuses_is_one_line_and_no_bug(
    error: Exception, code: int, words: str, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        if not wrapped:
            raise error
        raise RuntimeError("a toolchain failed") from error

    if wrapped and code == 70:
        return
    monkeypatch.setattr("slide_mobile.models.catalogue.list_models", fail)
    done = run("models", "-q")
    assert done.exit_code == code and words in done.stderr, done.output
    assert len(done.stderr.splitlines()) == 1 and len(done.stderr) <= 310


def test_a_cause_that_is_its_own_cause_ends() -> None:
    error = RuntimeError("round")
    error.__context__ = RuntimeError("and round")
    error.__context__.__context__ = error
    session = Session(as_json=False, quiet=True, out=sys.stdout, err=sys.stderr)
    assert explained(error, session)[1] == 70


def shell(line: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a line in which $SM is the program."""
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False,
        env={**os.environ, "SM": f"{sys.executable} -m slide_mobile"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("$SM --help > /dev/full", 2, "cannot write to standard output: No space left on device"),
        ("$SM convert --help > /dev/full", 2, "cannot write to standard output"),
        ("$SM --version > /dev/full", 2, "cannot write to standard output"),
        ("$SM --help >&-", 2, "standard output: it is closed"),
        ("$SM models --json >&-", 2, "standard output: it is closed"),
        ("$SM --help | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("$SM models < /dev/null 1</dev/null", 2, "Bad file descriptor"),
        ("$SM models > /dev/null 2> /dev/full", 0, ""),
        ("$SM inspect nowhere 2> /dev/full", 2, ""),
        ("$SM inspect nowhere 2>&-", 2, ""),
        ("$SM models > /dev/null <&- 2>&-", 0, ""),
        ("ulimit -v 300000; $SM models", 3, "out of memory"),
        ("mkdir -p $0.d && cd $0.d && rmdir ../$0.d && $SM check x", 2, "folder was deleted"),
    ],
)  # fmt: skip
def test_streams_limits_and_folders_that_are_not_there(
    line: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    status, _, err = shell(line)
    assert status == code, err
    assert message in err and len(err.strip().splitlines()) == bool(message), err


@pytest.fixture
def slow_end(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command that waits inside a conversion, in a process of its own."""
    code = (
        "import sys, time; sys.argv = ['slide-mobile', 'models']\n"
        "from slide_mobile.models import catalogue\n"
        "import torch\n"
        "def wait():\n"
        "    from slide_mobile.artifact import atomic; from pathlib import Path\n"
        "    with atomic.staging(Path('out/a'), force=False) as folder:\n"
        "        (folder / 'half').write_text('1')\n"
        "        time.sleep(60)\n"
        "catalogue.list_models = wait\n"
        "from slide_mobile.__main__ import run\n"
        "run()\n"
    )

    def start() -> subprocess.Popen[str]:
        (tmp_path / "tmp").mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={
                **os.environ, "TMPDIR": str(tmp_path / "tmp"),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("out/.*/half")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        return process

    return start


@pytest.mark.slow
@pytest.mark.parametrize("number", ENDING, ids=lambda s: s.name)
def test_two_signals_to_a_process_leave_nothing_and_no_traceback(
    number: signal.Signals, slow_end: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = slow_end()
    process.send_signal(number)
    for _ in range(20):  # an impatient user, until it has ended
        time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    assert len(err.strip().splitlines()) == 1 and "nothing was written" in err and out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_before_a_command_begins_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: click.Context) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.commands["models"], "invoke", interrupt)
    monkeypatch.setattr(sys, "argv", ["slide-mobile", "models"])
    assert program._code() == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_where_not_even_the_error_can_be_written_the_exit_code_says_it(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        done = subprocess.run(
            [sys.executable, "-m", "slide_mobile", "--help"], stdout=out, stderr=err, check=False,
            preexec_fn=limited,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "PYTHONDONTWRITEBYTECODE": "1",  # it would be half written, and stay
            },
        )  # fmt: skip
    assert done.returncode == 2
