"""Where the time of an inference goes: what a runtime's own profiler says, and sums of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from slide_mobile.errors import UsageError

BETWEEN = "(between operations)"  # the interpreter's own time, and the clock's rounding
MODEL = "(model)"  # of no module


class NoProfiler(UsageError):
    """The runtime that runs the file here does not say where its time goes."""


@dataclass(frozen=True, kw_only=True)
class OperationTime:
    """Time of `count` operations in one inference; sums, and the model itself, have no module."""

    name: str
    module: str = ""
    count: int = 1
    microseconds: float


def grouped(
    times: Iterable[OperationTime], *, depth: int | None = None
) -> tuple[OperationTime, ...]:
    """Sums by name, or by the first `depth` names of the module's path; longest first."""
    groups: dict[str, list[OperationTime]] = defaultdict(list)
    for time in times:
        module = ".".join(time.module.split(".")[:depth]) or MODEL
        groups[time.name if depth is None else module].append(time)
    sums = [
        OperationTime(name=name, count=len(group), microseconds=sum(t.microseconds for t in group))
        for name, group in groups.items()
    ]
    return tuple(sorted(sums, key=lambda time: -time.microseconds))
