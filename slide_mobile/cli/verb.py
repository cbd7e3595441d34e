"""A command from start to end: its common options, its errors, its exit code, and signals."""

import contextlib
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from slide_mobile.artifact.scratch import scratch
from slide_mobile.cli.explaining import BROKEN_PIPE, explained
from slide_mobile.cli.session import Session
from slide_mobile.cli.streams import streams
from slide_mobile.errors import UsageError

P = ParamSpec("P")
# Ctrl-C, the end of a job, and the end of a terminal: each ends a command in good order.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_SECONDS = 5  # for cleaning up; a second Ctrl-C within them changes nothing


def verb(function: Callable[Concatenate[Session, P], int | None]) -> Callable[..., None]:
    """Add --json, --quiet and --debug, and run the command inside a session."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @click.option("--quiet", "-q", is_flag=True, help="Do not show progress.")
    @click.option("--debug", is_flag=True, help="Show tracebacks and the toolchains' own output.")
    @functools.wraps(function)
    def wrapped(*args: Any, as_json: bool, quiet: bool, debug: bool, **kwargs: Any) -> None:
        """Run the command and exit."""

        def call() -> int | None:
            """Run the command where there is a current folder."""
            _require_folder()
            return function(session, *args, **kwargs)

        with streams(keep=debug) as (out, err):
            session = Session(as_json=as_json, quiet=quiet, out=out, err=err)
            with _interruptible(session), scratch():
                code = _guarded(session, debug, call)
        sys.exit(code)

    return wrapped


def _require_folder() -> None:
    """Raise UsageError where there is no current folder."""
    try:
        Path.cwd()
    except OSError as error:  # Intel's MKL would end the process without a word
        raise UsageError("the current folder was deleted: change to another one") from error


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
        message, code = explained(error, session)
        session.fail(message, code)
        return code
    finally:
        session.close()


@contextlib.contextmanager
def _interruptible(session: Session) -> Iterator[None]:
    """Turn signals that end a process into KeyboardInterrupt, so that nothing half is left.

    They are remembered: raised inside a toolchain's callback, the exception can get lost there.
    """
    raised = -float("inf")

    def interrupt(signal_number: int, frame: object) -> None:
        """Handle a signal; one more while the first is being handled must not stop that."""
        nonlocal raised
        again = time.monotonic() - raised < PATIENCE_SECONDS
        session.ended_by = session.ended_by or signal.Signals(signal_number)
        if not again:
            raised = time.monotonic()
            raise KeyboardInterrupt

    # Only the main thread may set signal handlers, and a background job ignores Ctrl-C.
    usual = (signal.default_int_handler, signal.SIG_DFL)
    ours = threading.current_thread() is threading.main_thread()
    handled = {s: signal.getsignal(s) for s in ENDING if ours and signal.getsignal(s) in usual}
    for number in handled:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, before in handled.items():
            signal.signal(number, before)
