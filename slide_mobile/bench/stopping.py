"""How long to measure: until the ratio of each pair is known, or the time is up."""

import contextlib
import time
from collections.abc import Sequence

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import sessions, verdict
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.verdict import Measured
from slide_mobile.progress import Progress, silent


def hold(
    artifacts: Sequence[ArtifactFolder], config: BenchConfig, progress: Progress = silent
) -> tuple[Session, ...]:
    """Hold as many sessions as it takes: all that the minimum asks for, then until it is enough."""
    held: list[Session] = []
    count, started = sessions.least(len(artifacts)), time.monotonic()
    if artifacts:
        progress(f"measure, session 1 of {count}", 0.0)
    coming = sessions.hold([artifact.root for artifact in artifacts], config)
    with contextlib.closing(coming):
        for session in coming:
            held.append(session)
            done, passed = sum(one.finished for one in held), time.monotonic() - started
            if done < count:
                progress(f"measure, session {done + 1} of {count}", done / count)
                continue
            unsure = _unsure(artifacts, held, config)
            if not unsure or passed * (done + 1) / done > config.max_seconds:
                break
            what = "1 ratio is" if unsure == 1 else f"{unsure} ratios are"
            stage = f"measure, session {done + 1}: {what} uncertain"
            progress(f"{stage}, at most {config.max_seconds:g} s", passed / config.max_seconds)
    return tuple(held)


def _unsure(
    artifacts: Sequence[ArtifactFolder], held: Sequence[Session], config: BenchConfig
) -> int:
    """How many ratios are not known yet."""
    pairs = verdict.compared(gathered(artifacts, held), config)
    return sum(not pair.valid for pair in pairs)


def gathered(artifacts: Sequence[ArtifactFolder], held: Sequence[Session]) -> list[Measured]:
    """What all sessions say about each artifact that none of them failed to measure."""
    broken = {number for session in held for number in session.failures}
    return [
        Measured.gather(number, artifact, held)
        for number, artifact in enumerate(artifacts)
        if number not in broken
    ]
