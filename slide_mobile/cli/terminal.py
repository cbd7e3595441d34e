"""What a terminal is given: text that cannot steer it, and streams that may be full or gone."""

import json
from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class Terminal(Console):
    """A console whose every text is `printable`, whatever a file, a device or a call named so.

    Everything that rich prints passes through `render`, tables and progress bars included. What
    rich itself adds to move the cursor or to set a colour is no text, and passes.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does, with control characters shown as escapes."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))


class BestEffort:
    """A stream for messages: what cannot be written, as on a full disk, is dropped.

    A progress line that cannot be printed must not end a conversion.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text if that is possible."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` has flushed."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor, from which rich reads the terminal's width."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """The stream's encoding."""
        return getattr(self._stream, "encoding", None) or "utf-8"


def printable(text: str, *, keep: str = "") -> str:
    """The text with control characters as escapes: a file's name must not steer the terminal.

    Those are C0, C1, and what turns the direction of writing; `keep` has those that stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def printable_json(text: str) -> str:
    """JSON with the same characters as JSON's own escapes; line ends between values stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _escaped(character: str) -> str:
    """A character as Python writes it."""
    return character.encode("unicode_escape").decode()
