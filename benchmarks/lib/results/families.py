"""families.json: the Slide model of each family beside its parent."""

import msgspec

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.files import Refused, Timed
from benchmarks.lib.results.markdown import grid, milliseconds
from slide_mobile.artifact.documents import NonNegative, Text


class FamilyRatios(Row, frozen=True, kw_only=True):
    """Latency of a Slide model over its parent's; None if either is invalid or missing."""

    pair: Text
    ours: Text
    parent: Text
    precision: Text
    deploy: NonNegative | None = msgspec.field(name="deploy / deploy")
    deploy_to_published: NonNegative | None = msgspec.field(name="deploy / published")
    published: NonNegative | None = msgspec.field(name="published / published")


class Families(Measured, frozen=True, kw_only=True):
    """The whole file."""

    ratios: tuple[FamilyRatios, ...]
    rows: tuple[Timed, ...]
    refused: tuple[Refused, ...] = ()


def table(result: Families) -> str:
    """A line for each pair and precision."""
    where = result.environment
    title = (
        "Latency of a Slide model divided by its parent's, 224x224, LiteRT with XNNPACK, "
        f"{where.amx}, one thread, {where.cpu}, medians of {where.runs} interleaved runs, "
        "random weights:"
    )
    head = ["", "precision", "deploy / deploy", "deploy / published", "published / published"]
    lines = [_cells(result, r) for r in result.ratios]
    return grid(title, [*head, "ours, ms", "partitions", "SQNR"], 2, lines)


def _cells(result: Families, r: FamilyRatios) -> list[str]:
    """The line of a pair in one precision."""
    rows = {
        (row.model, row.form): row
        for row in result.rows
        if (row.pair, row.precision) == (r.pair, r.precision)
    }

    def cell(ratio: float | None, form: str, other: str) -> str:
        """A ratio, or why there is none."""
        if (r.ours, form) not in rows or (r.parent, other) not in rows:
            return "refused"
        return "invalid" if ratio is None else f"{ratio:.2f}"

    own = rows.get((r.ours, "deploy"))
    return [
        f"`{r.ours}` / `{r.parent}`",
        f"`{r.precision}`",
        cell(r.deploy, "deploy", "deploy"),
        cell(r.deploy_to_published, "deploy", "published"),
        cell(r.published, "published", "published"),
        "" if own is None else milliseconds(own.p50_ms, own.valid),
        "" if own is None else str(own.partitions),
        "" if own is None else f"{own.sqnr_db:.1f} dB",
    ]
