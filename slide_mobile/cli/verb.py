"""A command from start to end: its common options, its errors, its exit code, and Ctrl-C."""

import contextlib
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec

import click

from slide_mobile.cli.session import Session
from slide_mobile.cli.streams import streams
from slide_mobile.errors import INTERRUPTED, SlideMobileError

P = ParamSpec("P")
BROKEN_PIPE = 141  # what a shell reports for SIGPIPE
CRASHED = 70  # EX_SOFTWARE of sysexits.h: a bug of ours or of a toolchain


def verb(function: Callable[Concatenate[Session, P], int | None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug, and run the command inside a session."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @click.option("--quiet", "-q", is_flag=True, help="Do not show progress.")
    @click.option("--debug", is_flag=True, help="Show tracebacks and the toolchains' own output.")
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
