"""The bench document: what `bench --json` writes, and what both apps share.

The classes are the schema, and bench.schema.json is `published` from them. A document whose numbers
contradict each other can be neither built nor read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError, Finite, Name, NonNegative, Positive, Text
from slide_mobile.bench import statistics
from slide_mobile.bench.result import VERDICT, Reason, Result
from slide_mobile.bench.statistics import Latency
from slide_mobile.errors import GateFailed, UsageError

SCHEMA_VERSION: Literal[1] = 1
TITLE = "slide-mobile measurements, schema version 1: bench --json, and what the apps share"
MOST_ROUNDING = 0.01  # of a ratio, relative
MOST_LEVELS = 8  # of documents that were imported into each other

Ratio = Annotated[float, Meta(gt=0, le=1e300)]
Interval = tuple[Ratio, Ratio]
Created = Annotated[
    str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)$", max_length=64)
]


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The device that measured, and the versions of what ran on it."""

    device: Name
    os: Name
    os_version: Text
    cpu: Text
    cores: Positive
    memory_bytes: Positive | None
    app_version: Name
    created: Created
    runtimes: dict[str, Text]


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An artifact that could not be measured, or a file that could not be imported."""

    artifact: Text
    error: Reason


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact's median beside its baseline; without a percentage, `why` says why not."""

    artifact: Text
    device: Text
    p50_ms: Latency | None
    baseline_ms: Latency | None
    change_percent: Finite | None
    passed: bool
    why: Text | None

    def __post_init__(self) -> None:
        """Raise ValueError where the change does not follow from the two medians."""
        if self.change_percent is None:
            return
        slower = self.slower_percent
        if slower is None or abs(slower - self.change_percent) > 0.01:
            raise ValueError(
                f"{self.artifact}: its medians do not differ by {self.change_percent:+g} %"
            )

    @property
    def slower_percent(self) -> float | None:
        """The unrounded change; None if the two were not compared."""
        if self.change_percent is None or self.p50_ms is None or self.baseline_ms is None:
            return None
        return statistics.slower_percent(self.p50_ms, self.baseline_ms)


class BaselineComparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every artifact beside an earlier measurement; it passed if each change did."""

    file: Text
    fail_over_percent: NonNegative
    passed: bool
    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where a verdict does not follow from the numbers."""
        for change in self.changes:
            slower = change.slower_percent
            if slower is not None and change.passed != (slower <= self.fail_over_percent):
                raise ValueError(
                    f"{change.artifact}: 'passed' contradicts its change of {slower:+.2f} %"
                )
        if self.passed != all(change.passed for change in self.changes):
            raise ValueError("'passed' contradicts the changes")


class BenchDocument(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Measurements of one device, with those of phones that were imported beside them."""

    schema_version: Literal[1]
    source: Literal["host", "ios", "android"]
    environment: Environment
    results: tuple[Annotated[Result, Meta(extra_json_schema=VERDICT)], ...]
    ratios: Annotated[
        tuple[tuple[Ratio | None, ...], ...],
        Meta(
            description="ratios[i][j] is p50 of result i over that of result j; null if either is "
            "invalid, or if the ratio is too uncertain."
        ),
    ]
    ratio_intervals: Annotated[
        tuple[tuple[Interval | None, ...], ...] | None,
        Meta(description="95 % intervals, including those of ratios that are too uncertain."),
    ]
    failed: Annotated[
        tuple[Failure, ...],
        Meta(description="What could not be measured or imported; may be left out."),
    ] = ()
    baseline: Annotated[
        BaselineComparison | UnsetType,
        Meta(description="Comparison with an earlier document (--baseline); may be left out."),
    ] = UNSET
    imported: Annotated[
        tuple["BenchDocument", ...],
        Meta(description="Documents of phones (bench --import); may be left out."),
    ] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where ratios do not fit the results, or imports nest too deeply."""
        count = len(self.results)
        for name, rows in (("ratios", self.ratios), ("ratio_intervals", self.ratio_intervals)):
            if rows is not None and [len(row) for row in rows] != [count] * count:
                raise ValueError(f"{name} is not {count} x {count}")
        if not self._ratios_follow():
            raise ValueError("ratios do not follow from the medians of the results")
        if self._levels() > MOST_LEVELS:
            raise ValueError(f"imported documents are nested over {MOST_LEVELS} levels deep")

    def _ratios_follow(self) -> bool:
        """Whether each ratio is that of two medians, which may have been rounded on their way."""
        medians = [result.p50_ms for result in self.results]
        return all(
            ratio is None or (a and b and abs(ratio * b / a - 1) <= MOST_ROUNDING)
            for a, row in zip(medians, self.ratios, strict=True)
            for b, ratio in zip(medians, row, strict=True)
        )

    def _levels(self) -> int:
        """How deeply documents are imported into each other, this one included."""
        return 1 + max((document._levels() for document in self.imported), default=0)

    @property
    def passed(self) -> bool:
        """Whether everything was measured and imported, and nothing became too slow."""
        return not self.failed and (self.baseline is UNSET or self.baseline.passed)

    def measurements(self) -> Iterator[tuple[Environment, Result]]:
        """Every result with its environment, imported ones included."""
        for result in self.results:
            yield self.environment, result
        for document in self.imported:
            yield from document.measurements()


class _Versioned(Struct):
    """Any document of ours that has results; an artifact's manifest has none."""

    schema_version: int
    results: list[object]


def read(path: Path) -> BenchDocument:
    """Read a document from a file.

    Raises UsageError if the file is missing or of a newer version, GateFailed if it is damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    try:
        return documents.decode(data, BenchDocument)
    except DocumentError as error:
        if (version := _version(data)) > SCHEMA_VERSION:
            raise UsageError(
                f"{path} has schema {version}, newer than {SCHEMA_VERSION}: update slide-mobile"
            ) from error
        reason = documents.shortened(error)
        raise GateFailed(f"{path} is not a measurement: {reason}") from error


def published() -> bytes:
    """The contents of bench.schema.json."""
    return documents.schema(BenchDocument, TITLE)


def _version(data: bytes) -> int:
    """The schema version of a document of ours; 0 of anything else."""
    try:
        return documents.decode(data, _Versioned).schema_version
    except DocumentError:
        return 0
