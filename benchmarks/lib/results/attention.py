"""attention.json: one local attention in every form."""

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, Decibels, Milliseconds, NonNegative, Text


class AttentionRow(Row, frozen=True, kw_only=True):
    """One form on one map; the floor has no SQNR."""

    map: Text
    target: Text
    precision: Text
    form: Text
    sqnr_db: Decibels | None
    partitions: Count
    outside: Count
    p50_ms: Milliseconds
    to_published: NonNegative
    valid: bool

    @property
    def kind(self) -> tuple[str, str]:
        """Target and precision."""
        return self.target, self.precision

    @property
    def doubt(self) -> str:
        """A remark behind a latency whose spread is too wide to believe it."""
        return "" if self.valid else " (noisy)"


class Attentions(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[AttentionRow, ...]


def tables(result: Attentions) -> str:
    """A table for each map."""
    return "\n".join(_table(result, size) for size in dict.fromkeys(r.map for r in result.rows))


def _table(result: Attentions, size: str) -> str:
    """The table of one map."""
    where, rows = result.environment, [r for r in result.rows if r.map == size]
    kinds = list(dict.fromkeys(r.kind for r in result.rows))
    lines = []
    for form in dict.fromkeys(r.form for r in rows):
        found = {r.kind: r for r in rows if r.form == form}
        times = [f"{found[kind].p50_ms:.2f}{found[kind].doubt}" for kind in kinds]
        counts = "/".join(str(found[kind].partitions) for kind in kinds)
        lines.append([form, *times, counts])
    title = f"One attention on {size}, ms, {where.amx}, one thread, {where.cpu}:"
    head = ["form", *(f"{target} `{precision}`" for target, precision in kinds), "partitions"]
    return grid(title, head, 1, lines)
