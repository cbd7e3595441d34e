"""Estimated cycles of a file on a core of a phone (lab cost), with the data that it takes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.results.document import Row
from slide_mobile.artifact.documents import NonNegative, Positive, Text
from slide_mobile.lab.cost import caches, cores, emulation, estimate
from slide_mobile.lab.cost.operations import Operation
from slide_mobile.targets import registry
from slide_mobile.targets.profiles import ProfiledElsewhere


class KindOfOperation(Row, frozen=True, kw_only=True):
    """All operations of a kind, by the runtime's name; in millions of cycles."""

    name: Text
    operations: Positive
    compute: NonNegative
    memory: NonNegative


def kinds(path: Path, values: NDArray[np.float32], core: str) -> tuple[KindOfOperation, ...]:
    """Cycles by kind of operation of a .tflite that takes an image or a map, most first."""
    on, converter = cores.choose(core), registry.load("tflite")
    assert isinstance(converter, ProfiledElsewhere)
    ran = emulation.on_phone(on, on.caches, converter.PROFILER, path, values.astype(np.float32))
    memory = [caches.cycles(operation.traffic, on.caches) for operation in ran]
    rows = _sums(ran, estimate.compute_cycles(ran, on), memory)
    return tuple(sorted(rows, key=lambda row: -row.compute - row.memory))


def _sums(
    ran: Sequence[Operation], compute: Sequence[float], memory: Sequence[float]
) -> Iterator[KindOfOperation]:
    """A row for each name of an operation."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, operation in enumerate(ran):
        groups[operation.name].append(index)
    for name, indices in groups.items():
        yield KindOfOperation(
            name=name,
            operations=len(indices),
            compute=round(sum(compute[i] for i in indices) / 1e6, 3),
            memory=round(sum(memory[i] for i in indices) / 1e6, 3),
        )
