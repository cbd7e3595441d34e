"""Estimated cycles of a file on a core of a phone (lab cost), with the data that it takes."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib import file_cost
from benchmarks.lib.file_cost import OperationEstimate
from benchmarks.lib.results.document import Row
from slide_mobile.artifact.documents import NonNegative, Positive, Text


class KindOfOperation(Row, frozen=True, kw_only=True):
    """All operations of a kind, by the runtime's name; in millions of cycles."""

    name: Text
    operations: Positive
    compute: NonNegative
    memory: NonNegative


def kinds(path: Path, values: NDArray[np.float32], core: str) -> tuple[KindOfOperation, ...]:
    """Cycles by kind of operation of a .tflite that takes an image or a map, most first."""
    groups: dict[str, list[OperationEstimate]] = defaultdict(list)
    for each in file_cost.operations(file_cost.phone(core), path, values.astype(np.float32)):
        groups[each.name].append(each)
    rows = (_kind(name, group) for name, group in groups.items())
    return tuple(sorted(rows, key=lambda row: -row.compute - row.memory))


def _kind(name: str, group: Sequence[OperationEstimate]) -> KindOfOperation:
    """The row of all operations of this name."""
    return KindOfOperation(
        name=name,
        operations=len(group),
        compute=round(sum(each.compute_cycles for each in group) / 1e6, 3),
        memory=round(sum(each.memory_cycles for each in group) / 1e6, 3),
    )
