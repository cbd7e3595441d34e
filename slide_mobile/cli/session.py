"""What every command shares: results and progress, errors as one line, exit codes, Ctrl-C."""

import contextlib
import functools
import io
import json
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Concatenate, ParamSpec

import click
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from slide_mobile.artifact import documents
from slide_mobile.cli.printing import printable
from slide_mobile.cli.streams import streams
from slide_mobile.errors import INTERRUPTED, SlideMobileError, UsageError

P = ParamSpec("P")

BROKEN_PIPE = 141  # what a shell reports for SIGPIPE
CRASHED = 70  # EX_SOFTWARE of sysexits.h: a bug of ours or of a toolchain
# What Ctrl-C leaves behind: most commands write nothing, those that work item by item keep items.
NOTHING = "interrupted; nothing was written"
KEPT = "interrupted; what was finished is kept"
ERROR = "error: "
MOST_CHARACTERS = 300  # of an error
UNLIMITED = 10_000  # columns; a pipe has no width


class ErrorDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object that a command prints with --json where it ends in an error."""

    error: str
    exit_code: int


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
        """Time since the command started."""
        return time.monotonic() - self.started

    def progress(self, stage: str, done: float | None = None) -> None:
        """A bar on a terminal, one line for each stage in a log, nothing when quiet."""
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
        """Print the result: one JSON document, or what `text` prints for a person."""
        self.close()
        content = _json(document, self._out) if self.as_json else _page(text, self._out)
        try:
            self._out.write(content)
            self._out.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot write the result to standard output: {error}") from error

    def fail(self, message: str, code: int) -> None:
        """Print the error that ends the command; with --json, also an object on stdout."""
        self.warn(message)
        if self.as_json:
            with contextlib.suppress(OSError, ValueError, UsageError):
                document = ErrorDocument(error=_one_line(message), exit_code=code)
                self.emit(document, lambda _: None)

    def warn(self, message: str) -> None:
        """Print an error in one line: of one item among several, where the command goes on.

        On a terminal it breaks between words, as a terminal itself would not.
        """
        self.close()
        line = ERROR + _one_line(message)
        if self.err.is_terminal:
            line = _wrapped(line, self.err.width, indent=len(ERROR))
        with contextlib.suppress(OSError, ValueError):
            self.err.print(line, markup=False, style="red")

    def close(self) -> None:
        """Take the progress bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._stage = ""


def verb(function: Callable[Concatenate[Session, P], int | None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug, and run the command inside a session."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
    @click.option("--quiet", "-q", is_flag=True, help="Print no progress.")
    @click.option(
        "--debug", is_flag=True, help="Show tracebacks, and what the toolchains themselves print."
    )
    @functools.wraps(function)
    def wrapped(*args: Any, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> None:
        """Run the command and exit."""
        with streams(keep=debug) as (out, err):
            session = Session(as_json=as_json, quiet=quiet, out=out, err=err)
            with _interruptible(session):
                code = _guarded(session, debug, lambda: function(session, *args, **kwargs))
        sys.exit(code)

    return wrapped


def _guarded(session: Session, debug: bool, call: Callable[[], int | None]) -> int:
    """Run the command; its exit code, whatever happens."""
    try:
        return call() or 0
    except BrokenPipeError:
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        # This is the outermost frame of the program: every error becomes one line here.
        if debug and not isinstance(error, KeyboardInterrupt):
            raise
        message, code = _explained(error, session)
        session.fail(message, code)
        return code
    finally:
        session.close()


def _explained(error: BaseException, session: Session) -> tuple[str, int]:
    """The line and the exit code for an error."""
    if session.interrupted or isinstance(error, KeyboardInterrupt):
        # A toolchain may have turned the interruption into an error of its own.
        return session.interruption, INTERRUPTED
    if isinstance(error, SlideMobileError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory: a conversion needs 6 GB of free memory", 3
    kind = type(error).__name__  # a bug of ours, or of a toolchain
    return f"internal error ({kind}: {error}); --debug shows where", CRASHED


@contextlib.contextmanager
def _interruptible(session: Session) -> Iterator[None]:
    """Remember Ctrl-C: raised inside a toolchain's callback, the exception can get lost there."""

    def interrupt(signal_number: int, frame: object) -> None:
        """Handle SIGINT."""
        session.interrupted = True
        raise KeyboardInterrupt

    # Only the main thread may set signal handlers, and a background job ignores Ctrl-C.
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _json(document: object, stream: IO[str]) -> str:
    """The document as text; characters that the stream cannot encode become JSON's escapes."""
    text = documents.encode(document).decode()
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=2) + "\n"
    return text


def _page(text: Callable[[Console], None], stream: IO[str]) -> str:
    """What `text` prints: as wide as the terminal or $COLUMNS, else as wide as it needs."""
    terminal = stream.isatty()
    page = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=None if terminal or os.environ.get("COLUMNS", "").isdecimal() else UNLIMITED,
        highlight=False,
    )
    with page.capture() as captured:
        text(page)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _one_line(message: str) -> str:
    """The message without control characters; where it is too long, its middle is left out."""
    line = printable(" ".join(message.split()))
    if len(line) <= MOST_CHARACTERS:
        return line
    # The beginning says what was wrong, and the end what to do.
    half = (MOST_CHARACTERS - len(" ... ")) // 2
    return f"{line[:half]} ... {line[-half:]}"


def _wrapped(line: str, width: int, *, indent: int) -> str:
    """The line broken between words; a longer word, such as a path, stays whole."""
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
