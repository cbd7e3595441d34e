"""cost_validation.json: the estimate of cycles against real time, on a core that could be timed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.files import Candidate
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, NonNegative, Positive, Text

Pair = tuple[float, float]  # estimated cycles and real microseconds
MOST_KINDS = 10


class OperationRow(Row, frozen=True, kw_only=True):
    """An operation, by LiteRT's name: the estimate, and the least real time of all runs."""

    name: Text
    compute_cycles: NonNegative
    memory_cycles: NonNegative
    microseconds: Positive

    @property
    def cycles(self) -> float:
        """Cycles of computing and of memory."""
        return self.compute_cycles + self.memory_cycles


class FileRow(Candidate, frozen=True, kw_only=True):
    """A file: cycles and time of all operations of an inference.

    `operations` has those that took `shortest_us` of the document or longer, in execution order.
    """

    compute_cycles: NonNegative
    memory_cycles: NonNegative
    microseconds: Positive
    operations: tuple[OperationRow, ...]

    @property
    def cycles(self) -> float:
        """Cycles of computing and of memory."""
        return self.compute_cycles + self.memory_cycles


class CostValidation(Measured, frozen=True, kw_only=True):
    """The whole file; `executed_by` counted, and `simulated_by` gave the cycles."""

    kind: Literal["estimate"] = "estimate"
    executed_by: Text
    simulated_by: Text
    shortest_us: Count
    files: tuple[FileRow, ...]

    @property
    def operations(self) -> list[OperationRow]:
        """The operations of all files."""
        return [operation for file in self.files for operation in file.operations]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How far estimates are from real times, relative, after one factor for all; and their order.

    `rank` is Spearman's correlation.
    """

    count: int
    median: float
    ninth: float  # nine of ten are nearer
    worst: float
    rank: float


def pairs(rows: Iterable[FileRow | OperationRow], *, memory: bool = True) -> list[Pair]:
    """Estimate and time of each row, with or without what memory costs."""
    return [(row.cycles if memory else row.compute_cycles, row.microseconds) for row in rows]


def factor(found: Sequence[Pair]) -> float:
    """Cycles of the estimate in a real microsecond: the median over the pairs."""
    return float(np.median([cycles / time for cycles, time in found]))


def errors(found: Sequence[Pair], cycles_per_us: float) -> Errors:
    """The errors of estimates that one factor makes times."""
    estimates, times = np.array(found).T
    off = np.abs(estimates / cycles_per_us / times - 1)
    return Errors(
        count=len(found),
        median=float(np.median(off)),
        ninth=float(np.percentile(off, 90)),
        worst=float(off.max()),
        rank=float(np.corrcoef(_ranks(estimates), _ranks(times))[0, 1]),
    )


def _ranks(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The place of each value in their order; equal values share the mean of their places."""
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(times) - (times - 1) / 2)[which]


def ratio_errors(found: Sequence[Pair]) -> Errors:
    """The errors of the ratio of each two, which no factor changes."""
    ratios = [(a[0] / b[0], a[1] / b[1]) for a, b in combinations(found, 2)]
    return errors(ratios, 1.0)


def table(result: CostValidation) -> str:
    """Errors of operations and of whole models, then each model, then kinds of operations."""
    return "\n".join([_summary(result), _files(result), _kinds(result)])


def _summary(result: CostValidation) -> str:
    where, wholes, parts = result.environment, result.files, result.operations
    title = (
        f"The estimate against real time on {where.cpu} without AVX-512, one thread, least "
        f"times of {where.runs} interleaved runs, for a whole model those of pieces of half a "
        f"millisecond; {result.executed_by}, {result.simulated_by}. "
        f"{factor(pairs(wholes)):.0f} estimated cycles are a microsecond, for all alike (the "
        f"median of whole models). Operations of {result.shortest_us} µs and more:"
    )
    head = ["", "count", "median error", "nine of ten within", "worst", "rank correlation"]
    return grid(title, head, 1, _summary_lines(wholes, parts))


def _summary_lines(
    wholes: Sequence[FileRow], parts: Sequence[OperationRow]
) -> Iterable[Sequence[str]]:
    for words, memory in (("", True), (", without what memory costs", False)):
        scale = factor(pairs(wholes, memory=memory))
        for name, rows in (("whole models", wholes), ("operations", parts)):
            yield _error_cells(f"{name}{words}", errors(pairs(rows, memory=memory), scale))
    yield _error_cells("ratios of two whole models", ratio_errors(pairs(wholes)))


def _error_cells(name: str, found: Errors) -> list[str]:
    shares = (f"{100 * share:.0f} %" for share in (found.median, found.ninth, found.worst))
    return [name, str(found.count), *shares, f"{found.rank:.3f}"]


def _files(result: CostValidation) -> str:
    scale = factor(pairs(result.files))
    lines = []
    for file in result.files:
        guess, real = file.cycles / scale / 1e3, file.microseconds / 1e3
        name = [file.model, file.form, f"`{file.precision}`"]
        lines.append([*name, f"{real:.2f}", f"{guess:.2f}", f"{100 * (guess / real - 1):+.0f} %"])
    head = ["model", "form", "precision", "ms, real", "ms, estimated", "error"]
    return grid("Whole models at 224x224:", head, 3, lines)


def _kinds(result: CostValidation) -> str:
    """The kinds that take most of the time, and how far the estimate is from it."""
    scale = factor(pairs(result.files))
    groups: dict[str, list[OperationRow]] = {}
    for operation in result.operations:
        groups.setdefault(operation.name, []).append(operation)
    longest = sorted(groups.items(), key=lambda item: -sum(o.microseconds for o in item[1]))
    everything = sum(operation.microseconds for operation in result.operations)
    lines = []
    for name, group in longest[:MOST_KINDS]:
        share = sum(o.microseconds for o in group) / everything
        off = [o.cycles / scale / o.microseconds for o in group]
        cells = (f"{x:.2f}" for x in (min(off), math.exp(np.median(np.log(off))), max(off)))
        lines.append([name, str(len(group)), f"{100 * share:.0f} %", *cells])
    head = ["operation, by LiteRT's name", "count", "share of time", "least", "median", "most"]
    return grid("Estimated over real time by kind of operation:", head, 1, lines)
