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
from slide_mobile.artifact.documents import MOST, DocumentError, Positive
from slide_mobile.bench import BenchConfig
from slide_mobile.errors import UnknownName, UsageError
from slide_mobile.isolation import files
from slide_mobile.parity.source import CalibrationImages
from slide_mobile.tasks import CatalogueTask, Weights

MOST_BYTES = 1 << 20  # of a release file
# In a line: a key of 100,000 parts, "a.b.b.b...", takes tomllib 40 GB of memory.
MOST_DOTS = 200
MOST_ITEMS = 1_000  # of a list in it

# A path or another text: no file's name has a NUL character.
Text = Annotated[str, Meta(min_length=1, max_length=4_096, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Meta(ge=-MOST, le=MOST)]  # its range is that of the option
Few = Meta(max_length=MOST_ITEMS)


# Fields that a file leaves out stay out of a cell's fingerprint (omit_defaults), so that a key
# added in a later version changes no cell that does not use it.
class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A [[model]]: its keys are options of `convert`, and `images` is the one of `check`."""

    name: Text
    task: CatalogueTask = "classify"
    checkpoint: Text | None = None
    weights: Weights | None = None
    untrained: bool = False
    num_classes: Positive | None = None
    labels: Text | None = None
    input_size: Positive | Text | None = None
    calibration: Text | None = None
    calibration_samples: Positive = CalibrationImages.samples
    mean: Text | None = None
    std: Text | None = None
    stripes: Text | None = None
    images: Text | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of everything that is read for this model."""
        named = (self.checkpoint, self.labels, self.calibration, self.images)
        return tuple(path for path in named if path is not None)


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A [[target]]: every model is converted to it in each of these precisions.

    A file must pass in each of the `labs` that runs files of its precision.
    """

    to: Text
    precisions: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=MOST_ITEMS)]
    backend: Text | None = None
    via: Text | None = None
    labs: Annotated[tuple[Text, ...], Few] = ()


class Bench(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [bench]: how the artifacts are timed, and an earlier document to compare with."""

    threads: Number = BenchConfig.threads
    min_runs: Number = BenchConfig.min_runs
    min_seconds: float = BenchConfig.min_seconds
    max_seconds: float = BenchConfig.max_seconds
    baseline: Text | None = None
    fail_over: float | Text | None = None


class ReportTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [report]: a file is written in each of these formats."""

    formats: Annotated[tuple[Text, ...], Few] = ("html",)


class ReleaseFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    out: Text = "build/release"
    memory_gb: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    jobs: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    model: Annotated[tuple[Model, ...], Few] = ()
    target: Annotated[tuple[Target, ...], Few] = ()
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
        text = files.read(path, most=MOST_BYTES).decode("utf-8")
        if max(line.count(".") for line in text.split("\n")) > MOST_DOTS:
            raise UsageError(f"{path} has a line with more than {MOST_DOTS} dots")
        plain = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deeply") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise UsageError(f"{path} is not TOML: {documents.shortened(error)}") from error
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
