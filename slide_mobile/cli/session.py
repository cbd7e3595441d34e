"""What every command shares: streams, progress, errors as one line, exit codes.

The toolchains print what they like on both streams, from Python and from C++. While a verb runs,
both file descriptors point to a scratch file; our own output goes to copies made before.
`--debug` leaves the streams alone and lets tracebacks through.
"""

import contextlib
import functools
import io
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Concatenate, ParamSpec, TextIO

import click
from rich.console import Console
from rich.markup import escape as escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from slide_mobile.artifact import documents
from slide_mobile.errors import INTERRUPTED, SlideMobileError, UsageError

P = ParamSpec("P")
BROKEN_PIPE = 141  # what a shell reports for SIGPIPE
CRASHED = 70  # EX_SOFTWARE of sysexits.h: a bug of ours or of a toolchain
# What Ctrl-C leaves of most commands, and of those that do one thing after the other.
NOTHING = "interrupted; nothing was written"
KEPT = "interrupted; what was finished is kept"
PIPE_WIDTH = 100  # a pipe has no width, and tables must not lose words there


class Session:
    """Output of one command; `progress` is what the verbs report to."""

    def __init__(self, *, as_json: bool, quiet: bool, out: IO[str], err: IO[str]) -> None:
        self.as_json, self.quiet = as_json, quiet
        self._out = out
        self.err = Console(file=err, highlight=False, soft_wrap=True)
        self.started = time.monotonic()
        self._stage = ""
        self._bar: Progress | None = None
        self.interrupted = False
        self.interruption = NOTHING

    @property
    def seconds(self) -> float:
        """Since the command started."""
        return time.monotonic() - self.started

    def progress(self, stage: str, done: float | None = None) -> None:
        """A bar on a terminal, a line a stage in a log, nothing when quiet."""
        if self.interrupted:  # the first KeyboardInterrupt was lost, see _interruptible
            raise KeyboardInterrupt
        if self.quiet:
            return
        if not self.err.is_terminal:
            if stage != self._stage:
                self.err.print(f"[{self.seconds:6.1f} s] {stage}", markup=False)
            self._stage = stage
            return
        if self._bar is None:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                console=self.err,
                transient=True,
            )
            self._bar.start()
        if stage != self._stage:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task(stage, total=None)
            self._stage = stage
        if done is not None:
            self._bar.update(self._bar.task_ids[-1], total=1.0, completed=done)

    def emit(self, document: object, text: Callable[[Console], None]) -> None:
        """Print the result: one JSON document, or `text` for a person."""
        self.close()
        if self.as_json:
            content = documents.encode(document).decode()
        else:
            terminal = self._out.isatty()
            page = Console(
                file=io.StringIO(),
                force_terminal=terminal,
                width=None if terminal else PIPE_WIDTH,
                highlight=False,
                soft_wrap=True,
            )
            with page.capture() as captured:
                text(page)
            content = captured.get()
        try:
            self._out.write(content)
            self._out.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write the result to standard output: {error}") from error

    def fail(self, message: str, code: int) -> None:
        """Print the one line; with --json also an object on stdout."""
        self.close()
        line = " ".join(message.split())
        with contextlib.suppress(OSError, ValueError, UsageError):
            self.err.print(f"error: {line}", markup=False, style="red")
            if self.as_json:
                self.emit({"error": line, "exit_code": code}, lambda _: None)

    def warn(self, message: str) -> None:
        """Print an error that one of several things has, while the command goes on."""
        self.close()
        with contextlib.suppress(OSError, ValueError):
            self.err.print(f"error: {' '.join(message.split())}", markup=False, style="red")

    def close(self) -> None:
        """Take the progress bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._stage = ""


def verb(function: Callable[Concatenate[Session, P], int | None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug, and run the command inside a session."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress.")
    @click.option("--debug", is_flag=True, help="Tracebacks, and the toolchains' own output.")
    @functools.wraps(function)
    def wrapped(*args: Any, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> None:
        with streams(keep=debug) as (out, err):
            session = Session(as_json=as_json, quiet=quiet, out=out, err=err)
            with _interruptible(session):
                code = _guarded(session, debug, lambda: function(session, *args, **kwargs))
        sys.exit(code)

    return wrapped


def _guarded(session: Session, debug: bool, call: Callable[[], int | None]) -> int:
    try:
        return call() or 0
    except BrokenPipeError:
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        # The outermost frame of the program: whatever went wrong is said in one line.
        if debug and not isinstance(error, KeyboardInterrupt):
            raise
        message, code = _verdict(error, session)
        session.fail(message, code)
        return code
    finally:
        session.close()


def _verdict(error: BaseException, session: Session) -> tuple[str, int]:
    """The line and the exit code for an error."""
    if session.interrupted or isinstance(error, KeyboardInterrupt):
        # A toolchain may have turned the interruption into an error of its own.
        return session.interruption, INTERRUPTED
    if isinstance(error, SlideMobileError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory; a conversion wants 6 GB free", 3
    kind = type(error).__name__  # a bug of ours, or of a toolchain
    return f"internal error ({kind}: {error}); --debug shows where", CRASHED


@contextlib.contextmanager
def _interruptible(session: Session) -> Iterator[None]:
    """Remember Ctrl-C: raised inside a toolchain's callback, the exception can get lost there."""

    def interrupt(signal_number: int, frame: object) -> None:
        session.interrupted = True
        raise KeyboardInterrupt

    # Another thread may not touch signals, and a job in the background ignores this one.
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def streams(*, keep: bool) -> Iterator[tuple[IO[str], IO[str]]]:
    """Copies of stdout and stderr; the originals lead to a scratch file unless kept."""
    if keep or not _are_descriptors():
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - no Path there
            yield sys.stdout or nowhere, sys.stderr or nowhere
        return
    sys.stdout.flush()
    sys.stderr.flush()
    with _scratch() as scratch, _copy(sys.stdout) as out, _copy(sys.stderr) as err:
        os.dup2(scratch.fileno(), 1)
        os.dup2(scratch.fileno(), 2)
        try:
            yield out, err
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)


def _scratch() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # no folder for temporary files; the command will say so if it needs one
        return open(os.devnull, "wb")  # noqa: PTH123 - no Path there


@contextlib.contextmanager
def _copy(stream: TextIO) -> Iterator[IO[str]]:
    # Paths need not be printable in the stream's encoding.
    copy = os.fdopen(
        os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="backslashreplace"
    )
    try:
        yield copy
    finally:
        with contextlib.suppress(OSError):  # a full disk or a closed pipe, already reported
            copy.close()


def _are_descriptors() -> bool:
    # click's test runner puts buffers in their place; a closed stream is None.
    try:
        return sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False
