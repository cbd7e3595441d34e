"""Time of each operation as a runtime's own profiler reports it, and sums over modules."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from slide_mobile.errors import UsageError

BETWEEN = "(between operations)"  # time of the interpreter itself, and rounding of the clock
RUNS = 20  # inferences that a profile takes its medians from, unless told otherwise
MODEL = "(model)"  # operations that belong to no module


class NoProfiler(UsageError):
    """The runtime on this machine does not report the time of single operations."""


@dataclass(frozen=True, kw_only=True)
class OperationTime:
    """Median time of an operation, or of `count` operations together, in one inference.

    `module` is the module path, and empty for sums and for the model itself.
    """

    name: str
    module: str = ""
    count: int = 1
    microseconds: float


@runtime_checkable
class ProfiledElsewhere(Protocol):
    """A converter whose runtime can be profiled in another Python, such as an emulated one.

    `PROFILER` is a program that needs nothing of this project: PROFILER MODEL INPUT.npy. It runs
    two inferences, calls sched_yield(2) before, between and after them, and prints what the second
    one ran: a line of JSON, [[name, microseconds], ...]. `modules` names the module of each.
    """

    PROFILER: Path

    def modules(self, path: Path, names: Sequence[str]) -> Sequence[str]:
        """The module of each operation of a model file, of which the profiler gave the names."""


def grouped(
    times: Iterable[OperationTime], *, depth: int | None = None
) -> tuple[OperationTime, ...]:
    """Sums by operation, or by the first `depth` parts of the module path; longest first."""
    groups: dict[str, list[OperationTime]] = defaultdict(list)
    for time in times:
        module = ".".join(time.module.split(".")[:depth]) or MODEL
        groups[time.name if depth is None else module].append(time)
    sums = [
        OperationTime(name=name, count=len(group), microseconds=sum(t.microseconds for t in group))
        for name, group in groups.items()
    ]
    return tuple(sorted(sums, key=lambda time: -time.microseconds))
