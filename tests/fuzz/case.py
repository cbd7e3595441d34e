"""One hostile call: its words, what lies around it, and when it is ended."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Prepare = Callable[[Path], None]  # puts something into the folder in which the command starts


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call in a folder of its own; paths in `words` are relative to it.

    With `real`, a new Python starts, as a user's does; else a process that has loaded everything is
    forked. `ending` is a signal and the seconds after which it comes.
    """

    kind: str
    words: tuple[str, ...]
    prepare: tuple[Prepare, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    real: bool = False
    limits: Mapping[int, int] = field(default_factory=dict)  # of `resource`, where it is real
    streams: str = ""  # a shell's redirections, where it is real
    ending: tuple[signal.Signals, float] | None = None
    most_seconds: float = 20.0

    def __str__(self) -> str:
        """The call, as a shell would take it."""
        return f"{self.kind}: slide-mobile {' '.join(map(ascii, self.words))[:300]}"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a call ended; `left` counts processes that were still there."""

    status: int  # as subprocess has it: negative for a signal
    seconds: float
    cpu_seconds: float  # with those of its children
    peak_bytes: int
    hung: bool
    left: int


def slowdown() -> float:
    """How many times as long as on an idle machine a command may take on this one, now."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def write(name: str, content: bytes) -> Prepare:
    """Put a file there."""

    def prepare(work: Path) -> None:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return prepare
