"""The measurement from start to end: open, time, profile, import."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from slide_mobile._version import __version__
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import (
    comparison,
    conditions,
    host,
    importing,
    sessions,
    stopping,
    verdict,
)
from slide_mobile.bench.config import USUAL, BenchConfig
from slide_mobile.bench.documents import SCHEMA_VERSION, BenchDocument, Environment, Failure
from slide_mobile.bench.importing import Failures
from slide_mobile.bench.result import Result
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.verdict import Measured
from slide_mobile.errors import SlideMobileError, UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible


@visible
def measure(
    artifacts: StrPath | Sequence[StrPath],
    *,
    config: BenchConfig = USUAL,
    progress: Progress = automatic,
) -> BenchDocument:
    """Time artifacts in turn on the runtimes of this machine, as `slide-mobile bench` does.

    What cannot be measured or imported stands in `failed`, and the rest goes on; but if it is all
    that was asked for, its error is raised. Raises UsageError if nothing was asked for.
    """
    roots, imports = files.paths(artifacts), files.paths(config.imports)
    if not roots and not imports:
        raise UsageError("nothing to do: give artifact folders, or --import FILE.json")
    imported = importing.read(imports)
    asked = (*imported.files, *roots)
    _raise_if_all(imported.failures, asked)
    if roots:
        progress("verify")
    opened, damaged = _opened(roots)
    held = stopping.hold(opened, config, progress)
    broken = {number: error for session in held for number, error in session.failures.items()}
    failures = (*damaged, *((opened[number].root, broken[number]) for number in sorted(broken)))
    _raise_if_all((*failures, *imported.failures), asked)
    document = _document(stopping.gathered(opened, held), held, config, progress)
    failed = _failed((*failures, *imported.failures))
    return replace(document, failed=failed, imported=imported.documents)


def _document(
    measured: Sequence[Measured],
    held: Sequence[Session],
    config: BenchConfig,
    progress: Progress,
) -> BenchDocument:
    """What was measured here."""
    meanwhile = conditions.observed(held, config)
    results = tuple(verdict.result(one, config, meanwhile) for one in measured)
    comparisons = verdict.compared(measured, config)
    ratios, intervals = comparison.tables([r.p50_ms is not None for r in results], comparisons)
    if config.profile and measured:
        progress("profile")
        results = tuple(map(_profiled, results, measured, [config.threads] * len(results)))
    return BenchDocument(
        schema_version=SCHEMA_VERSION,
        source="host",
        environment=_environment(measured, held),
        results=results,
        ratios=ratios,
        ratio_intervals=intervals,
        comparisons=comparisons,
    )


def _profiled(result: Result, measured: Measured, threads: int) -> Result:
    """The result with the time of each operation."""
    found = sessions.profile(measured.artifact.root, threads=threads)
    return replace(result, operations=found.operations, why_no_operations=found.why_no_operations)


def _opened(roots: Sequence[Path]) -> tuple[tuple[ArtifactFolder, ...], Failures]:
    """The artifacts that are whole, and what is wrong with the others."""
    opened: list[ArtifactFolder] = []
    failures: list[tuple[Path, SlideMobileError]] = []
    for root in roots:
        try:
            artifact = ArtifactFolder.open(root)
            artifact.verify()
        except SlideMobileError as error:
            failures.append((root, error))
        else:
            opened.append(artifact)
    return tuple(opened), tuple(failures)


def _raise_if_all(failures: Failures, asked: Sequence[Path]) -> None:
    """Raise the error of the only thing that was asked for."""
    if len(failures) == len(asked) == 1:
        raise failures[0][1]


def _failed(failures: Failures) -> tuple[Failure, ...]:
    """The failures as the document lists them."""
    return tuple(Failure(artifact=str(path), error=str(error)) for path, error in failures)


def _environment(measured: Sequence[Measured], held: Sequence[Session]) -> Environment:
    """The machine, and the runtimes that measured on it."""
    amx = ", with AMX" if any(session.amx for session in held) else ""
    return Environment(
        device=host.device(),
        os=platform.system(),
        os_version=platform.release(),
        cpu=host.cpu() + amx,
        cores=os.cpu_count() or 1,
        memory_bytes=host.memory_bytes(),
        app_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        runtimes=dict(one.loaded[-1].suite for one in measured),
    )
