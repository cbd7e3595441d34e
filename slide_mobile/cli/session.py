"""What a command prints: its result, its progress, and errors in one line."""

import contextlib
import io
import json
import os
import signal
import textwrap
import time
from collections.abc import Callable
from typing import IO, cast

from msgspec import Struct
from rich.console import Console

from slide_mobile.artifact import documents
from slide_mobile.cli.terminal import BestEffort, Terminal, printable, printable_json
from slide_mobile.errors import UsageError
from slide_mobile.progress.steps import LogSteps, Steps, TerminalSteps

# What Ctrl-C leaves behind: most commands write nothing, those that work item by item keep items.
NOTHING = "interrupted; nothing was written"
KEPT = "interrupted; what was finished is kept"
UNWRITABLE = "cannot write the result to standard output"
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
        self.err = Terminal(
            file=cast(IO[str], BestEffort(err)), highlight=False, soft_wrap=True, emoji=False
        )
        self.started = time.monotonic()
        self._steps: Steps = (
            TerminalSteps(self.err) if self.err.is_terminal else LogSteps(self.err, self.started)
        )
        self.ended_by: signal.Signals | None = None
        self.interruption = NOTHING

    @property
    def seconds(self) -> float:
        """Time since the command started."""
        return time.monotonic() - self.started

    def progress(self, stage: str, done: float | None = None) -> None:
        """Show the step that the command is at, unless it is quiet."""
        if self.ended_by is not None:  # the first KeyboardInterrupt was lost, see verb.py
            raise KeyboardInterrupt
        if self.quiet:
            return
        self._steps.report(_shortened(stage), done)

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
            raise UsageError(f"{UNWRITABLE}: {error}") from error

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
        """End the last step."""
        self._steps.close()


def _json(document: object, stream: IO[str]) -> str:
    """The document as text; characters that the stream cannot encode become JSON's escapes."""
    text = printable_json(documents.encode(document).decode())
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=2) + "\n"
    return text


def _page(text: Callable[[Console], None], stream: IO[str]) -> str:
    """What `text` prints: as wide as the terminal or $COLUMNS, else as wide as it needs."""
    terminal = stream.isatty()
    page = Terminal(
        file=io.StringIO(),
        force_terminal=terminal,
        width=None if terminal or os.environ.get("COLUMNS", "").isdecimal() else UNLIMITED,
        highlight=False,
        emoji=False,
    )
    with page.capture() as captured:
        text(page)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _one_line(message: str) -> str:
    """The message without control characters; where it is too long, its middle is left out."""
    return _shortened(printable(" ".join(message.split())))


def _shortened(line: str) -> str:
    """The line; where it is too long, its middle is left out."""
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
