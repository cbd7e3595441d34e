"""Sessions: processes that load artifacts and time them in turn, one after the other.

Where a process happens to have its memory can make a model several percent faster or slower for as
long as the process lives, and a single process could not tell. In each session the artifacts take
turns in random order, so that a drift of the machine affects all alike. The artifacts are the first
to be loaded equally often; load time, first inference and memory are measured there.
"""

import os
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.bench import processes, ratio
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import (
    AllLoaded,
    Loaded,
    Loading,
    NotLoaded,
    Profiled,
    ProfileRequest,
    Reply,
    Started,
    Timed,
    TimingRequest,
)
from slide_mobile.bench.processes import Ending
from slide_mobile.errors import SlideMobileError

SESSIONS = ratio.MIN_PROCESSES
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


def least(count: int) -> int:
    """How many sessions so many artifacts need; they share the minimum of runs and seconds."""
    return SESSIONS_ALONE if count == 1 else max(SESSIONS, count)


def hold(roots: Sequence[Path], config: BenchConfig) -> Generator[Session]:
    """Measure artifacts, numbered as they are given, in one session after the other, without end.

    A session that an artifact ended is repeated without that artifact; the iterator ends when none
    is left.
    """
    held: list[Session] = []
    at_once = min(os.cpu_count() or 1, processes.MOST_AT_ONCE)
    while left := _left(len(roots), held):
        requests = _requests(roots, left, held, config, count=at_once)
        with processes.started(requests) as waiting:
            for request, process in zip(requests, waiting, strict=True):
                held.append(_session(request, process.measure()))
                yield held[-1]
                if _left(len(roots), held) != left:
                    break  # the next ones were asked to load it


def _requests(
    roots: Sequence[Path],
    left: Sequence[int],
    held: Sequence[Session],
    config: BenchConfig,
    *,
    count: int,
) -> tuple[TimingRequest, ...]:
    """What the next sessions are to do."""
    were_first = [n for s in held for n, loaded in s.loaded.items() if loaded.fresh]
    sessions, done = least(len(roots)), sum(session.finished for session in held)
    requests = []
    for seed in range(done, done + count):
        order = _order(left, were_first, seed=seed)
        were_first.append(order[0])
        requests.append(
            TimingRequest(
                artifacts=tuple((number, os.fsencode(roots[number])) for number in order),
                threads=config.threads,
                warm_up=config.warm_up,
                turns=-(-config.min_runs // sessions),
                seconds=config.min_seconds / sessions,
                seed=seed,
            )
        )
    return tuple(requests)


def profile(root: Path, *, threads: int) -> Profiled:
    """Where the time of a good artifact goes; in a process of its own, because it may die of it."""
    request = ProfileRequest(artifact=os.fsencode(root), threads=threads)
    with processes.started([request]) as (process,):
        ending = process.measure()
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


def _order(left: Sequence[int], were_first: Sequence[int], *, seed: int) -> list[int]:
    """The artifact that was first least often, then the others in random order."""
    first = min(left, key=were_first.count)
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
