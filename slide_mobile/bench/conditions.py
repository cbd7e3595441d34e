"""What the machine did while artifacts were timed: its load and its heat."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import Timed
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.statistics import Thermal

# Shares of the time that all cores had.
MAX_OTHERS, MAX_STOLEN = 0.10, 0.02
# The share of its time that a process on one thread may have waited for a core.
MAX_WAITED = 0.05


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the machine did meanwhile: `doubts` are reasons to trust none of the latencies."""

    doubts: tuple[str, ...] = ()
    before: Thermal = "unknown"
    after: Thermal = "unknown"


UNDISTURBED = Conditions()


def observed(sessions: Iterable[Session], config: BenchConfig) -> Conditions:
    """The machine's load and heat during the sessions, as far as Linux counts them."""
    timed = [session.timed for session in sessions if session.timed is not None]
    counted = [one.throttled for one in timed if one.throttled is not None]
    before: Thermal = "nominal" if counted else "unknown"
    after: Thermal = "serious" if any(counted) else before
    return Conditions(doubts=_doubts(timed, config), before=before, after=after)


def _doubts(timed: Sequence[Timed], config: BenchConfig) -> tuple[str, ...]:
    """Reasons to trust no latency, if others had too much of the machine."""
    wall = sum(one.wall for one in timed)
    if not wall:
        return ()
    reasons, cores = [], (os.cpu_count() or 1)
    if (share := sum(one.others or 0.0 for one in timed) / (wall * cores)) > MAX_OTHERS:
        reasons.append(f"other processes took {share:.0%} of the machine")
    if (share := sum(one.stolen or 0.0 for one in timed) / (wall * cores)) > MAX_STOLEN:
        reasons.append(f"the hypervisor took {share:.0%} of the machine")
    waited = 1 - sum(one.cpu for one in timed) / wall
    if config.threads == 1 and waited > MAX_WAITED:
        reasons.append(f"waited for the processor {waited:.0%} of the time")
    return tuple(reasons)
