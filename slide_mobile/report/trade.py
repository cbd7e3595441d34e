"""Charts of what each artifact trades: accuracy over latency, and SQNR over size."""

import math
from collections.abc import Sequence

from slide_mobile.report.chart import Chart, Table, Words, none
from slide_mobile.report.scatter import Spot, scatter
from slide_mobile.report.summary import NONE_VALID, NOT_MEASURED, Row


def charts(found: Sequence[Row]) -> list[Chart]:
    """Charts of accuracy over latency, and of SQNR over size."""
    if not found:
        return []
    accurate = all(row.top1 is not None for row in found)
    title = ("Top-1" if accurate else "SQNR") + " and latency"
    timed = [row for row in found if row.p50_ms is not None]
    measured = any(row.latency == "invalid" for row in found)
    latency = none("trade-latency", title, NONE_VALID if measured else NOT_MEASURED)
    if timed:
        some = f"{len(timed)} of {len(found)} artifacts have a valid latency on this device. "
        latency = _scatter(
            [
                _spot(row, row.p50_ms or 0.0, _percent(row) if accurate else _sqnr(row))
                for row in timed
            ],
            key="trade-latency",
            title=title,
            x="median latency, ms",
            y="top-1, %" if accurate else "SQNR, dB",
            most=100.0 if accurate else math.inf,
            note=some if len(timed) < len(found) else "",
        )
    size = _scatter(
        [_spot(row, row.size_mb, _sqnr(row)) for row in found],
        key="trade-size",
        title="SQNR and size",
        x="size, MB",
        y="SQNR, dB",
    )
    return [latency, size]


def _percent(row: Row) -> float:
    """Task top-1, in percent."""
    return 100 * (row.top1 or 0.0)


def _sqnr(row: Row) -> float:
    """SQNR as recorded at conversion, in dB."""
    return row.manifest.parity.sqnr_db


def _spot(row: Row, x: float, y: float) -> Spot:
    """An artifact's point at (x, y)."""
    m = row.manifest
    return Spot(x=x, y=y, label=row.entry.name, target=m.target, size_bytes=m.size_bytes)


def _scatter(
    spots: Sequence[Spot],
    *,
    key: str,
    title: str,
    x: str,
    y: str,
    most: float = math.inf,
    note: str = "",
) -> Chart:
    """A scatter chart with its description and table."""
    pairs = "; ".join(f"{s.label} {s.x:.3g} and {s.y:.4g}" for s in spots)
    table = Table(
        head=("artifact", x, y, "size, MB"),
        rows=tuple(
            (s.label, round(s.x, 3), round(s.y, 3), round(s.size_bytes / 1e6, 2)) for s in spots
        ),
    )
    words = Words(
        key=key,
        title=title,
        alt=f"{y} against {x}: {pairs}.",
        note=note + "A larger point is a larger file; higher and further left is better.",
        table=table,
    )
    return scatter(spots, words, x=x, y=y, most=most)
