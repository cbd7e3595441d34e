"""Estimates of cycles for files that are no artifacts: the method of slide_mobile.lab.cost."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.results.document import Row, read, save
from slide_mobile.artifact.documents import NonNegative, Sha256, Text
from slide_mobile.lab.cost import caches, cores, emulation, llvm, scheduling
from slide_mobile.lab.cost.caches import Cache
from slide_mobile.lab.cost.emulation import Guest
from slide_mobile.lab.cost.llvm import Assembly
from slide_mobile.lab.cost.parts import PARTS
from slide_mobile.targets import registry
from slide_mobile.targets.profiles import ProfiledElsewhere


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A core: how it is emulated, LLVM's model of it, and its caches.

    `guest` gets an empty folder to work in.
    """

    name: str
    guest: Callable[[Path], Guest]
    assembly: Assembly
    scheduled: str
    caches: tuple[Cache, ...]

    @property
    def digest(self) -> str:
        """A digest of what an estimate depends on, besides the file."""
        pins = [pin for part in PARTS for pin in part.pins()]
        told = (self.name, self.assembly, self.scheduled, self.caches, pins)
        return hashlib.sha256(repr(told).encode()).hexdigest()


class OperationEstimate(Row, frozen=True, kw_only=True):
    """Cycles of an operation: those of computing, and those of memory on top."""

    name: Text
    compute_cycles: NonNegative
    memory_cycles: NonNegative


class FileEstimate(Row, frozen=True, kw_only=True):
    """The operations of one inference of a file, in execution order; kept beside it.

    `made_with` is the digest of the processor.
    """

    made_with: Sha256
    operations: tuple[OperationEstimate, ...]

    @property
    def cycles(self) -> float:
        """Cycles of computing and of memory, of all operations."""
        return sum(each.compute_cycles + each.memory_cycles for each in self.operations)


def phone(name: str) -> Processor:
    """A core of a phone; raises UnknownName."""
    core = cores.choose(name)
    return Processor(
        name=name,
        guest=lambda folder: emulation.phone(core, folder),
        assembly=llvm.of_phone(core),
        scheduled=core.scheduled,
        caches=core.caches,
    )


def estimated(processor: Processor, path: Path, image: NDArray[np.float32]) -> FileEstimate:
    """The estimate of a .tflite; takes minutes for a large one. Raises WorkerFailed.

    What was found is kept beside the file, and used again.
    """
    if found := kept(processor, path):
        return found
    found_now = tuple(operations(processor, path, image))
    made = FileEstimate(made_with=processor.digest, operations=found_now)
    save(_beside(processor, path), made)
    return made


def kept(processor: Processor, path: Path) -> FileEstimate | None:
    """The estimate that is kept beside a file, if it was made as it would be made now."""
    if not _beside(processor, path).exists():
        return None
    found = read(_beside(processor, path), FileEstimate)
    return found if found.made_with == processor.digest else None


def _beside(processor: Processor, path: Path) -> Path:
    return path.with_name(f"{path.name}.{processor.name}.json")


def operations(
    processor: Processor, path: Path, image: NDArray[np.float32]
) -> Iterator[OperationEstimate]:
    """Estimate each operation of a .tflite anew; raises WorkerFailed."""
    converter = registry.load("tflite")
    assert isinstance(converter, ProfiledElsewhere)
    with tempfile.TemporaryDirectory() as folder:
        guest = processor.guest(Path(folder))
        ran = emulation.record(guest, processor.caches, converter.PROFILER, path, image)
    compute = scheduling.cycles(ran, processor.assembly, processor.scheduled)
    for operation, cycles in zip(ran, compute, strict=True):
        yield OperationEstimate(
            name=operation.name,
            compute_cycles=round(cycles),
            memory_cycles=round(caches.cycles(operation.traffic, processor.caches)),
        )
