"""The plan of a release: models x targets x precisions, each combination a cell."""

import contextlib
import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slide_mobile import recipes
from slide_mobile._version import __version__
from slide_mobile.artifact.folder import digest
from slide_mobile.bench import BenchConfig
from slide_mobile.bench.baseline import FAIL_OVER_PERCENT, Baseline, percent
from slide_mobile.doctor import diagnosis
from slide_mobile.doctor.resources import free_memory
from slide_mobile.errors import NotInstalled, UnknownName, UsageError
from slide_mobile.lab import catalogue
from slide_mobile.parity import source
from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.release import file as files
from slide_mobile.release.file import Bench, Model, Target
from slide_mobile.report.documents import FORMATS
from slide_mobile.report.documents import Format as ReportFormat
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format, folder_name

# Peak memory of 40 conversions (benchmarks/results/targets.json): 0.7 to 1.0 GB for
# slide_swin_demo, 1.3 to 2.7 GB for slide_swin_tiny with its 28 million parameters.
BASE_BYTES, BYTES_PER_PARAMETER = 1.0e9, 70
# The share of the free memory that a release takes unless the file says how much, and what is
# assumed to be free where the system does not report it.
SHARE, UNKNOWN_BYTES = 0.75, 8e9

BENCH = "bench.json"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model in one format: what `convert` is given, and the `images` that `check` is given."""

    name: str  # of the artifact's folder
    source: ModelSource
    to: Format
    calibration: CalibrationImages
    images: Path | None
    labs: tuple[str, ...]
    fingerprint: str  # sha256 of everything that the artifact is made from
    memory_bytes: float  # estimated for the conversion


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A release file, resolved; `bench` is None where nothing is to be timed."""

    out: Path
    memory_bytes: float
    jobs: int
    cells: tuple[Cell, ...]
    bench: BenchConfig | None
    baseline: Baseline | None = None
    formats: tuple[ReportFormat, ...] = ("html",)


def read(path: Path) -> Plan:
    """Read a release file, and everything that it names; raises UsageError, UnknownName.

    The baseline is read, too: a mistake in it must not show hours later.
    """
    file = files.read(path)
    digests = functools.cache(_digest)
    cells = tuple(
        _cell(path, model, target, precision, digests)
        for model in file.model
        for target in file.target
        for precision in _precisions(target)
    )
    names = [cell.name for cell in cells]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} asks for {twice[0]} twice; remove one of the two")
    out = path.parent / file.out
    return Plan(
        out=out,
        memory_bytes=_budget() if file.memory_gb is None else file.memory_gb * 1e9,
        jobs=file.jobs or os.cpu_count() or 1,
        cells=cells,
        bench=None if file.bench is None else _bench(path, file.bench),
        baseline=None if file.bench is None else _baseline(path, file.bench, out),
        formats=tuple(map(_format, file.report.formats)),
    )


def _budget() -> float:
    """A share of the free memory, in bytes."""
    free = free_memory()
    return SHARE * (UNKNOWN_BYTES if free is None else free)


def _precisions(target: Target) -> list[str]:
    """Names of the precisions of a target; raises UnknownName."""
    if target.to not in registry.names():
        raise UnknownName("target", target.to, registry.names())
    return [recipes.lookup(name).name for name in target.precisions]


def _cell(
    path: Path, model: Model, target: Target, precision: str, digests: Callable[[Path], str]
) -> Cell:
    """One cell; raises UsageError for options and files that are wrong."""
    folder, alone = path.parent, msgspec.structs.replace(target, precisions=(precision,))
    contents = [digests(folder / name) for name in model.files]
    made_of = (__version__, _versions(target.to), model, alone, contents)
    try:
        model_source = _source(folder, model)
        calibration = CalibrationImages(
            folder=_beside(folder, model.calibration), samples=model.calibration_samples
        )
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return Cell(
        name=folder_name(model.name, model.task, target.to, precision),
        source=model_source,
        to=Format(
            target=target.to,
            precision=precision,
            backend=target.backend,
            via=target.via,
            task=model.task,
        ),
        calibration=calibration,
        images=_beside(folder, model.images),
        labs=_labs(target, precision),
        fingerprint=hashlib.sha256(msgspec.json.encode(made_of, order="sorted")).hexdigest(),
        memory_bytes=_estimated_bytes(model.name),
    )


def _labs(target: Target, precision: str) -> tuple[str, ...]:
    """Names of the target's labs that run files of this precision.

    Raises UnknownName, UsageError, EnvironmentMissing: a missing lab must not show hours later.
    """
    if not target.labs:
        return ()
    kinds = (None, recipes.lookup(precision).weights)
    taken = [lab.name for lab in catalogue.choose(target.labs) if lab.weights in kinds]
    return tuple(lab.name for lab in catalogue.for_gate(taken, target.to, precision))


def _source(folder: Path, model: Model) -> ModelSource:
    """The model of a cell, as `convert` takes it."""
    return ModelSource(
        name=model.name,
        checkpoint=_beside(folder, model.checkpoint),
        weights=model.weights,
        untrained=model.untrained,
        num_classes=model.num_classes,
        input_size=None if model.input_size is None else source.size(str(model.input_size)),
        normalization=source.normalization(model.mean, model.std),
        stripes=source.stripes(model.stripes),
        labels=_beside(folder, model.labels),
    )


def _beside(folder: Path, name: str | None) -> Path | None:
    """A path that the release file names, seen from the current folder."""
    return None if name is None else folder / name


def _digest(path: Path) -> str:
    """The sha256 of a file or folder; raises UsageError."""
    try:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        return digest(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error


def _versions(target: str) -> dict[str, str | None]:
    """Versions of all packages that convert and check; none in a checkout without metadata."""
    with contextlib.suppress(NotInstalled):
        return diagnosis.versions(target)
    return {}


@functools.cache
def _estimated_bytes(model: str) -> float:
    """Memory that the conversion of a model may take; raises UnknownName."""
    from slide_mobile import models
    from slide_mobile.models.meta import MetaInit

    with MetaInit():
        count = sum(p.numel() for p in models.create(model).parameters())
    return BASE_BYTES + BYTES_PER_PARAMETER * count


def _bench(path: Path, table: Bench) -> BenchConfig:
    """How to time; raises UsageError."""
    try:
        return BenchConfig(
            threads=table.threads,
            min_runs=table.min_runs,
            min_seconds=table.min_seconds,
            max_seconds=table.max_seconds,
        )
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _baseline(path: Path, table: Bench, out: Path) -> Baseline | None:
    """What to compare with, read from its file; raises UsageError."""
    limit = FAIL_OVER_PERCENT
    if table.fail_over is not None:
        try:
            limit = percent(str(table.fail_over))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    if table.baseline is None:
        if table.fail_over is not None:
            raise UsageError(f"{path}: fail_over needs a baseline; add one to [bench]")
        return None
    earlier = path.parent / table.baseline
    if earlier.resolve() == (out / BENCH).resolve():
        raise UsageError(
            f"{path}: this release writes its measurements to {table.baseline}; "
            "keep the baseline elsewhere"
        )
    return Baseline.read(earlier, fail_over_percent=limit)


def _format(name: str) -> ReportFormat:
    """A format of the report by name; raises UnknownName."""
    for known in FORMATS:
        if known == name:
            return known
    raise UnknownName("report format", name, FORMATS)
