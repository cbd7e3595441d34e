"""The release file: a TOML document that lists models, targets and precisions.

out = "build/release"          # all paths are relative to the file
memory_gb = 8.0                # for all processes together  [3/4 of the free memory]
jobs = 2                       # processes side by side at most  [one per core]

[[model]]
name = "slide_swin_demo"
[[model]]                      # the other keys are options of `convert`
name = "slide_swin_tiny"
checkpoint = "slide_swin_t.pth"
calibration = "photos"
images = "validation"          # for `check`

[[target]]
to = "tflite"
precisions = ["fp32", "int8"]
labs = ["gpu", "arm64-a76"]    # a file must pass there, too; `lab setup` makes them
[[target]]
to = "executorch"
precisions = ["int8"]
backend = "xnnpack"

[bench]                        # without it nothing is timed
max_seconds = 60.0             # while a ratio is uncertain
baseline = "bench.json"        # an artifact that is slower than there, by more than this, fails
fail_over = "5%"

[report]                       # without it, report.html alone
formats = ["html", "markdown"]
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError, Name, Positive
from slide_mobile.bench import BenchConfig
from slide_mobile.errors import UnknownName, UsageError
from slide_mobile.parity.source import CalibrationImages
from slide_mobile.targets.format import Format
from slide_mobile.tasks import Task


# Fields that a file leaves out stay out of a cell's fingerprint (omit_defaults), so that a key
# added in a later version changes no cell that does not use it.
class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A [[model]]: its keys are options of `convert`, and `images` is the one of `check`."""

    name: Name
    task: Task = Format.task
    checkpoint: Name | None = None
    untrained: bool = False
    num_classes: Positive | None = None
    labels: Name | None = None
    input_size: Positive | Name | None = None
    calibration: Name | None = None
    calibration_samples: Positive = CalibrationImages.samples
    mean: Name | None = None
    std: Name | None = None
    images: Name | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of everything that is read for this model."""
        named = (self.checkpoint, self.labels, self.calibration, self.images)
        return tuple(path for path in named if path is not None)


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A [[target]]: every model is converted to it in each of these precisions.

    A file must pass in each of the `labs` that runs files of its precision.
    """

    to: Name
    precisions: Annotated[tuple[Name, ...], Meta(min_length=1)]
    backend: Name | None = None
    via: Name | None = None
    labs: tuple[Name, ...] = ()


class Bench(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [bench]: how the artifacts are timed, and an earlier document to compare with."""

    threads: int = BenchConfig.threads
    min_runs: int = BenchConfig.min_runs
    min_seconds: float = BenchConfig.min_seconds
    max_seconds: float = BenchConfig.max_seconds
    baseline: Name | None = None
    fail_over: float | Name | None = None


class ReportTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [report]: a file is written in each of these formats."""

    formats: tuple[str, ...] = ("html",)


class ReleaseFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    out: Name = "build/release"
    memory_gb: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    jobs: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    model: tuple[Model, ...] = ()
    target: tuple[Target, ...] = ()
    bench: Bench | None = None
    report: ReportTable = ReportTable()


TABLES: Mapping[str, type[Struct]] = {
    "[[model]]": Model,
    "[[target]]": Target,
    "[bench]": Bench,
    "[report]": ReportTable,
}


def read(path: Path) -> ReleaseFile:
    """The file as typed values; raises UsageError, and UnknownName for a key that is not known."""
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deeply") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    for where, kind, keys in _tables(path, plain):
        known = [field.name for field in msgspec.structs.fields(kind)]
        for key in keys:
            if key not in known:
                raise UnknownName(f"key of {where}", key, known)
    try:
        file = documents.convert(plain, ReleaseFile)
    except DocumentError as error:
        raise UsageError(f"{path}: {error}") from error
    for name, tables in (("model", file.model), ("target", file.target)):
        if not tables:
            raise UsageError(f"{path} has no [[{name}]] table; add at least one")
    return file


def _tables(
    path: Path, plain: Mapping[str, object]
) -> Iterator[tuple[str, type[Struct], Mapping[str, object]]]:
    """Every table of the file, with the class that says which keys it may have."""
    yield str(path), ReleaseFile, plain
    for name, kind in TABLES.items():
        found = plain.get(name.strip("[]"))
        for table in found if isinstance(found, list) else [found]:
            if isinstance(table, dict):
                yield f"{name} in {path}", kind, table
