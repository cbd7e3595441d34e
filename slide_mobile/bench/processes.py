"""Measuring processes, from their start to their end.

They import their toolchains side by side, which takes seconds, and measure one after the other.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO

from slide_mobile.bench import messages
from slide_mobile.bench.messages import Reply, Request, Started
from slide_mobile.isolation import subprocesses

# More would say little sooner, and each may take a gigabyte of memory.
MOST_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a process ended: its replies, its exit status, and the last line that it printed."""

    replies: tuple[Reply, ...]
    status: int
    last_words: str


class MeasuringProcess:
    """A process that was started with a request, and waits until it may measure."""

    def __init__(self, process: "subprocess.Popen[bytes]", lines: BinaryIO, words: IO[str]) -> None:
        self._process, self._lines, self._words = process, lines, words
        self._replies: list[Reply] = []

    def tell(self, line: bytes) -> None:
        """Send it a line, if it is still there."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)

    def await_start(self) -> None:
        """Wait until it has imported what it needs, or has died of it."""
        for reply in self._read():
            if isinstance(reply, Started):
                return

    def measure(self) -> Ending:
        """Let it measure, and wait for its end."""
        self.tell(b"\n")
        for _ in self._read():
            pass
        status = self._process.wait()
        self._words.seek(0)
        last_words = (self._words.read().strip().splitlines() or ["it printed nothing"])[-1]
        return Ending(replies=tuple(self._replies), status=status, last_words=last_words)

    def _read(self) -> Iterator[Reply]:
        """Give the replies as they come, and keep them."""
        for line in self._lines:
            if line.endswith(b"\n"):  # a line that a crash cut off has no end
                self._replies.append(messages.decode_reply(line))
                yield self._replies[-1]


@contextlib.contextmanager
def started(requests: Sequence[Request]) -> Iterator[tuple[MeasuringProcess, ...]]:
    """Start a process for each request; those that run at the end of the block are killed."""
    with contextlib.ExitStack() as stack:
        found = tuple(stack.enter_context(_started(request)) for request in requests)
        for process in found:
            process.await_start()
        yield found


@contextlib.contextmanager
def _started(request: Request) -> Iterator[MeasuringProcess]:
    """Start one process, and send it the request."""
    reading, writing = os.pipe()
    command, environment = subprocesses.python("slide_mobile.bench.measuring_process", str(writing))
    with (
        tempfile.TemporaryFile("w+", errors="replace") as words,
        os.fdopen(reading, "rb") as lines,
        subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=words, stderr=words,
            pass_fds=[writing], env=environment, preexec_fn=subprocesses.WITH_US,
        ) as process,
    ):  # fmt: skip
        os.close(writing)
        try:
            found = MeasuringProcess(process, lines, words)
            found.tell(messages.encode(request))
            yield found
        finally:
            process.kill()
