"""The bench document: what `bench --json` writes, and what both apps share.

The classes are the schema, and bench.schema.json is `published` from them. A document whose numbers
contradict each other can be neither built nor read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import Count, DocumentError, Name, Positive, Text
from slide_mobile.bench import comparison, statistics
from slide_mobile.bench.change import BaselineComparison
from slide_mobile.bench.comparison import Comparison, Intervals, Ratios
from slide_mobile.bench.result import VERDICT, Reason, Result
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.isolation import files

SCHEMA_VERSION: Literal[3] = 3  # 1 has no `comparisons`; 1 and 2 have a p99 of any few runs
TITLE = "slide-mobile measurements, schema versions 1 to 3: bench --json, and what the apps share"
MOST_RESULTS = 500  # of one document; ratios are of each pair
MOST_IMPORTED = 500
MOST_LEVELS = 8  # of documents that were imported into each other

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


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process of several of an app that measured the same; `bench --import` joins them."""

    number: Annotated[int, Meta(ge=1, le=99)]
    first_loaded: Annotated[Count, Meta(description="Place in `results`.")]


class BenchDocument(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Measurements of one device, with those of phones that were imported beside them."""

    schema_version: Literal[1, 2, 3]
    source: Literal["host", "ios", "android", "web"]
    environment: Environment
    results: Annotated[
        tuple[Annotated[Result, Meta(extra_json_schema=VERDICT)], ...],
        Meta(max_length=MOST_RESULTS),
    ]
    ratios: Annotated[
        Ratios,
        Meta(
            description="ratios[i][j] is the latency of result i over that of result j; null if "
            "there is no answer. In version 1 it is the ratio of their p50."
        ),
    ]
    ratio_intervals: Annotated[
        Intervals | None,
        Meta(description="95 % intervals, including those of ratios that are too uncertain."),
    ]
    comparisons: Annotated[
        tuple[Annotated[Comparison, Meta(extra_json_schema=comparison.VERDICT)], ...] | UnsetType,
        Meta(description="What the ratios follow from; left out in version 1."),
    ] = UNSET
    session: Annotated[
        Session | UnsetType,
        Meta(description="Which of several processes of an app this is; may be left out."),
    ] = UNSET
    failed: Annotated[
        tuple[Failure, ...],
        Meta(description="What could not be measured or imported; may be left out."),
    ] = ()
    baseline: Annotated[
        BaselineComparison | UnsetType,
        Meta(description="Comparison with --baseline; may be left out."),
    ] = UNSET
    imported: Annotated[
        tuple["BenchDocument", ...],
        Meta(
            max_length=MOST_IMPORTED,
            description="Documents of phones (bench --import); may be left out.",
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where ratios do not fit the results, or imports nest too deeply."""
        count = len(self.results)
        for name, rows in (("ratios", self.ratios), ("ratio_intervals", self.ratio_intervals)):
            if rows is not None and [len(row) for row in rows] != [count] * count:
                raise ValueError(f"{name} is not {count} x {count}")
        if (self.comparisons is UNSET) != (self.schema_version == 1):
            raise ValueError("comparisons are what version 2 has, and version 1 has not")
        if self.schema_version >= 3 and any(map(_has_a_vague_p99, self.results)):
            raise ValueError(f"a p99 is of fewer than {statistics.MIN_RUNS_OF_P99} runs")
        self._check_ratios()
        if self._levels() > MOST_LEVELS:
            raise ValueError(f"imported documents are nested over {MOST_LEVELS} levels deep")

    def _check_ratios(self) -> None:
        """Raise ValueError where a ratio or an interval does not follow, rounding aside."""
        medians = [result.p50_ms for result in self.results]
        if self.comparisons is UNSET:
            if not comparison.follow(self.ratios, statistics.ratios(medians)):
                raise ValueError("ratios do not follow from the medians of the results")
            return
        if any(max(pair.of, pair.over) >= len(medians) for pair in self.comparisons):
            raise ValueError(f"a comparison is of none of the {len(medians)} results")
        ratios, intervals = comparison.tables([ms is not None for ms in medians], self.comparisons)
        found = self.ratio_intervals or [[None] * len(medians)] * len(medians)
        if not (comparison.follow(self.ratios, ratios) and comparison.follow(found, intervals)):
            raise ValueError("ratios or their intervals do not follow from the comparisons")

    def _levels(self) -> int:
        """How deeply documents are imported into each other, this one included."""
        return 1 + max((document._levels() for document in self.imported), default=0)

    @property
    def passed(self) -> bool:
        """Whether everything was measured and imported, and nothing became too slow."""
        return not self.failed and (self.baseline is UNSET or self.baseline.passed)

    def comparison(self, i: int, j: int) -> Comparison | None:
        """What the ratio of results i and j follows from, whichever is over the other."""
        return self.pairs().get(frozenset((i, j)))

    def pairs(self) -> Mapping[frozenset[int], Comparison]:
        """The comparisons by the places of their two results; the first of several of one pair."""
        return {frozenset((pair.of, pair.over)): pair for pair in reversed(self.comparisons or ())}

    def measurements(self) -> Iterator[tuple[Environment, Result]]:
        """Every result with its environment, imported ones included."""
        for result in self.results:
            yield self.environment, result
        for document in self.imported:
            yield from document.measurements()


def _has_a_vague_p99(result: Result) -> bool:
    """Whether it has a percentile that its few runs cannot give."""
    return result.p99_ms is not None and result.runs < statistics.MIN_RUNS_OF_P99


class _Versioned(Struct):
    """Any document of ours that has results; an artifact's manifest has none."""

    schema_version: int
    results: list[object]


def read(path: Path) -> BenchDocument:
    """Read a document from a file.

    Raises UsageError if the file is missing or of a newer version, GateFailed if it is damaged.
    """
    try:
        data = files.read(path, most=documents.MOST_BYTES)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    try:
        return documents.decode(data, BenchDocument)
    except DocumentError as error:
        if (newer := version(data)) > SCHEMA_VERSION:
            raise UsageError(
                f"{path} has schema {newer}, newer than {SCHEMA_VERSION}: update slide-mobile"
            ) from error
        reason = documents.shortened(error)
        raise GateFailed(f"{path} is not a measurement: {reason}") from error


def version(data: bytes) -> int:
    """The schema version of a document of ours; 0 of anything else."""
    try:
        return documents.decode(data, _Versioned).schema_version
    except DocumentError:
        return 0


def published() -> bytes:
    """The contents of bench.schema.json."""
    return documents.schema(BenchDocument, TITLE)
