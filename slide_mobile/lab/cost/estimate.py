"""Estimate what one inference of an artifact costs on a core of a phone."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import EnvironmentMissing, UsageError
from slide_mobile.lab.cost import caches, cores, emulation, llvm, parts, scheduling
from slide_mobile.lab.cost.caches import LINE_BYTES, Cache
from slide_mobile.lab.cost.cores import Core
from slide_mobile.lab.cost.documents import (
    CacheTraffic,
    CostDocument,
    CostOfModule,
    CostOfOperation,
)
from slide_mobile.lab.cost.operations import Operation
from slide_mobile.lab.parts import Part
from slide_mobile.parity.module_paths import in_pytorch, module_paths
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry
from slide_mobile.targets.profiles import ProfiledElsewhere

DEFAULT_CORE = "a76"


def estimate(root: Path, *, core: str = DEFAULT_CORE, progress: Progress = silent) -> CostDocument:
    """Estimate cycles and memory traffic of an artifact's file, one thread, on a core of CORES.

    Takes minutes for a large model. Raises ArtifactError, GateFailed, UnknownName, UsageError (no
    .tflite), EnvironmentMissing (not set up), WorkerFailed.
    """
    chosen = cores.choose(core)
    artifact = ArtifactFolder.open(root)
    artifact.verify()
    require_ready()
    progress(f"count what {artifact.model_path.name} executes on a {chosen.title}")
    counted = count(artifact, chosen)
    progress(f"simulate the {chosen.title}")
    compute = compute_cycles(counted.operations, chosen)
    return _document(artifact, chosen, counted, compute)


class Counted(NamedTuple):
    """The operations of an inference, and the module of each as the file names it."""

    operations: Sequence[Operation]
    modules: Sequence[str]


def count(artifact: ArtifactFolder, core: Core) -> Counted:
    """Run an artifact's file in QEMU; raises UsageError, WorkerFailed."""
    converter = registry.load(artifact.manifest.target)
    if not isinstance(converter, ProfiledElsewhere):
        raise UsageError(
            f"the cost of {artifact.manifest.target} files cannot be estimated; known: tflite"
        )
    image = golden.image(artifact, artifact.manifest.golden[0]).astype(np.float32)
    ran = emulation.on_phone(core, core.caches, converter.PROFILER, artifact.model_path, image)
    names = [operation.name for operation in ran]
    return Counted(ran, converter.modules(artifact.model_path, names))


def compute_cycles(ran: Sequence[Operation], core: Core) -> list[float]:
    """Cycles of each operation with all data in the first cache; raises WorkerFailed."""
    return scheduling.cycles(ran, llvm.of_phone(core), core.scheduled)


def require_ready(needed: Sequence[Part] = parts.PARTS) -> None:
    """Raise EnvironmentMissing unless everything that an estimate needs has been made."""
    if missing := [part.name for part in needed if not part.is_made]:
        raise EnvironmentMissing(
            f"the cost lab is not set up (missing: {', '.join(missing)}); "
            "run slide-mobile lab setup cost"
        )


def _document(
    artifact: ArtifactFolder, core: Core, counted: Counted, compute: Sequence[float]
) -> CostDocument:
    paths = module_paths(artifact.manifest.model.name)
    operations = tuple(
        CostOfOperation(
            name=operation.name,
            module=in_pytorch(module, paths),
            instructions=operation.instructions,
            compute_cycles=round(cycles),
            memory_cycles=round(caches.cycles(operation.traffic, core.caches)),
        )
        for operation, module, cycles in zip(*counted, compute, strict=True)
    )
    return CostDocument(
        artifact=artifact.root.name,
        manifest_sha256=artifact.manifest_sha256,
        core=core.name,
        chip=core.chip,
        executed_by=emulation.executor(),
        simulated_by=llvm.simulator(core.scheduled),
        instructions=sum(operation.instructions for operation in operations),
        compute_cycles=sum(operation.compute_cycles for operation in operations),
        memory_cycles=sum(operation.memory_cycles for operation in operations),
        caches=tuple(_traffic(counted.operations, core.caches)),
        modules=by_module(operations),
        operations=operations,
    )


def _traffic(operations: Sequence[Operation], levels: Sequence[Cache]) -> Iterator[CacheTraffic]:
    """Yield the bytes of each level in all operations."""
    for level, cache in enumerate(levels):
        lines = [operation.traffic[level] for operation in operations]
        yield CacheTraffic(
            name=f"L{level + 1}",
            cache_bytes=cache.bytes,
            read_bytes=sum(each.fills for each in lines) * LINE_BYTES,
            claimed_bytes=sum(each.claims for each in lines) * LINE_BYTES,
            written_bytes=sum(each.write_backs for each in lines) * LINE_BYTES,
        )


def by_module(operations: Sequence[CostOfOperation]) -> tuple[CostOfModule, ...]:
    """Sums by module, most cycles first."""
    groups: dict[str, list[CostOfOperation]] = defaultdict(list)
    for operation in operations:
        groups[operation.module].append(operation)
    sums = (
        CostOfModule(
            module=module,
            operations=len(group),
            compute_cycles=sum(each.compute_cycles for each in group),
            memory_cycles=sum(each.memory_cycles for each in group),
        )
        for module, group in groups.items()
    )
    return tuple(sorted(sums, key=lambda each: -each.compute_cycles - each.memory_cycles))
