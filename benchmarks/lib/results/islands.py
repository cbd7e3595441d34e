"""islands.json: which kinds of operation pay in int8."""

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import (
    Count,
    Decibels,
    Fraction,
    Milliseconds,
    NonNegative,
    Text,
)


class Island(Row, frozen=True, kw_only=True):
    """The model with these kinds of operation in int8."""

    int8: Text
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    valid: bool
    to_dense: NonNegative
    sqnr_db: Decibels
    partitions: Count
    int8_mac_fraction: Fraction


class Islands(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[Island, ...]


def table(result: Islands) -> str:
    """What else could be in int8."""
    where = result.environment
    title = f"`{where.model}` on LiteRT, {where.amx}, one thread, {where.cpu}; in static int8:"
    head = ["in int8", "ms", "/ dense", "SQNR", "partitions", "int8 MACs"]
    lines = [
        [
            r.int8,
            f"{r.p50_ms:.1f}" + ("" if r.valid else " (noisy)"),
            f"{r.to_dense:.2f}",
            f"{r.sqnr_db:.1f} dB",
            str(r.partitions),
            f"{r.int8_mac_fraction:.0%}",
        ]
        for r in result.rows
    ]
    return grid(title, head, 1, lines)
