"""Sessions: processes that load artifacts and time them in turn, one after the other.

Where a process happens to have its memory can make a model several percent faster or slower for as
long as the process lives, and a single process could not tell. In each session the artifacts take
turns in random order, so that a drift of the machine affects all alike. Each artifact is the first
to be loaded in one session, where its load time, first inference and memory are measured.
"""

import contextlib
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.bench import messages, subprocesses
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import (
    AllLoaded,
    Loaded,
    Loading,
    NotLoaded,
    Profiled,
    ProfileRequest,
    Reply,
    Request,
    Started,
    Timed,
    TimingRequest,
)
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import Progress, silent

SESSIONS = 4  # fewer processes say little about how far processes differ
SESSIONS_ALONE = 2  # of one artifact, which is compared with none


class NotMeasured(SlideMobileError):
    """An artifact cannot be measured; `exit_code` is that of the reason."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, kw_only=True)
class Session:
    """What one process found, by the artifacts' numbers.

    `timed` is None if nothing could be timed; `finished` says that the process did not die.
    """

    loaded: Mapping[int, Loaded]
    failures: Mapping[int, NotMeasured]
    timed: Timed | None
    amx: bool
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a process ended: its replies, its exit status, and the last line that it printed."""

    replies: tuple[Reply, ...]
    status: int
    last_words: str


def hold(
    roots: Sequence[Path], config: BenchConfig, progress: Progress = silent
) -> tuple[Session, ...]:
    """Measure artifacts, numbered as they are given, in as many sessions as it takes.

    A session that an artifact ended is repeated without that artifact.
    """
    held: list[Session] = []
    count = SESSIONS_ALONE if len(roots) == 1 else max(SESSIONS, len(roots))
    while (index := sum(session.finished for session in held)) < count:
        left = _left(len(roots), held)
        if not left:
            break
        progress(f"measure, session {index + 1} of {count}", index / count)
        order = _order(left, held, seed=index)
        request = TimingRequest(
            artifacts=tuple((number, os.fsencode(roots[number])) for number in order),
            threads=config.threads,
            warm_up=config.warm_up,
            turns=-(-config.min_runs // count),
            seconds=config.min_seconds / count,
            seed=index,
        )
        held.append(_session(request, _run(request)))
    return tuple(held)


def profile(root: Path, *, threads: int) -> Profiled:
    """Where the time of a good artifact goes; in a process of its own, because it may die of it."""
    ending = _run(ProfileRequest(artifact=os.fsencode(root), threads=threads))
    for reply in ending.replies:
        if isinstance(reply, Profiled):
            return reply
    why = f"the process that profiled it ended with status {ending.status}: {ending.last_words}"
    return Profiled(why_no_operations=why)


def _left(count: int, held: Sequence[Session]) -> list[int]:
    """The artifacts that have not failed; one that nothing here runs needs no second session."""
    failed = {number for session in held for number in session.failures}
    evaluated = {
        number
        for session in held
        for number, loaded in session.loaded.items()
        if loaded.first_ms is None
    }
    return [number for number in range(count) if number not in failed | evaluated]


def _order(left: Sequence[int], held: Sequence[Session], *, seed: int) -> list[int]:
    """The artifact that was first least often, then the others in random order."""
    was_first = [n for s in held for n, loaded in s.loaded.items() if loaded.fresh]
    first = min(left, key=was_first.count)
    others = [number for number in left if number != first]
    random.Random(seed).shuffle(others)
    return [first, *others]


def _session(request: TimingRequest, ending: Ending) -> Session:
    """What the replies amount to; if the process died, whose fault that was."""
    replies = ending.replies
    failures = {
        reply.number: NotMeasured(reply.error, reply.exit_code)
        for reply in replies
        if isinstance(reply, NotLoaded)
    }
    if ending.status != 0:
        roots = {number: Path(os.fsdecode(name)) for number, name in request.artifacts}
        for number in _culprits(request, replies):
            why = (
                f"the process that measured it ended with status {ending.status}: "
                f"{ending.last_words}"
            )
            failures[number] = NotMeasured(f"{roots[number]}: {why}", 1)
    return Session(
        loaded={reply.number: reply for reply in replies if isinstance(reply, Loaded)},
        failures=failures,
        timed=_timed(replies) if ending.status == 0 else None,
        amx=any(isinstance(reply, Started) and reply.amx for reply in replies),
        finished=ending.status == 0,
    )


def _timed(replies: Sequence[Reply]) -> Timed | None:
    """The times, if the process got so far."""
    return next((reply for reply in replies if isinstance(reply, Timed)), None)


def _culprits(request: TimingRequest, replies: Sequence[Reply]) -> list[int]:
    """The artifact that was being loaded when the process died; all of them once it timed them."""
    stages = [reply for reply in replies if isinstance(reply, Loading | AllLoaded)]
    if stages and isinstance(stages[-1], Loading):
        return [stages[-1].number]
    return [number for number, _ in request.artifacts]


def _run(request: Request) -> Ending:
    """Start a measuring process, and wait for its end."""
    reading, writing = os.pipe()
    command, environment = subprocesses.python("slide_mobile.bench.measuring_process", str(writing))
    with tempfile.TemporaryFile("w+", errors="replace") as words:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=words, stderr=words, pass_fds=[writing],
            env=environment, preexec_fn=subprocesses.WITH_US,
        )  # fmt: skip
        os.close(writing)
        try:
            replies = tuple(_replies(process, reading, request))
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        words.seek(0)
        last_words = (words.read().strip().splitlines() or ["it printed nothing"])[-1]
        return Ending(replies=replies, status=status, last_words=last_words)


def _replies(process: "subprocess.Popen[bytes]", reading: int, request: Request) -> Iterator[Reply]:
    """Send the request, and give the replies as they come."""
    with os.fdopen(reading, "rb") as lines:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(messages.encode(request))
            process.stdin.close()
        for line in lines:
            if line.endswith(b"\n"):  # a line that a crash cut off has no end
                yield messages.decode_reply(line)
