"""The artifacts in a line each, and what they trade for what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slide_mobile.report import plots
from slide_mobile.report.contents import Contents, Entry
from slide_mobile.report.measured import Document, Measurement, Setting
from slide_mobile.report.plots import Chart, Spot, Table

# What to run where there are no latencies.
NOT_MEASURED = "not measured: slide-mobile bench A B --json > bench.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One artifact; also a line of the CSV."""

    entry: Entry
    measured: Measurement | None

    @property
    def verdict(self) -> str:
        """Passed, failed, or not run."""
        if self.entry.not_run is not None:
            return "not run"
        return "passed" if self.entry.passed else "failed"

    @property
    def sqnr_here_db(self) -> float | None:
        """Of the worst golden image that was run here."""
        return min((seen.sqnr_db for seen in self.entry.seen), default=None)

    @property
    def sqnr_db(self) -> float:
        """As it was certified."""
        return float(self.entry.artifact.manifest.parity.sqnr_db)

    @property
    def size_mb(self) -> float:
        """Of the model file."""
        return self.entry.artifact.manifest.size_bytes / 1e6

    @property
    def top1(self) -> float | None:
        """Task top-1 of a trained classifier that was compared on labelled images, in 0..1."""
        accuracy = self.entry.artifact.manifest.accuracy
        return None if accuracy is None else float(accuracy.top1)

    @property
    def p50_ms(self) -> float | None:
        """The median latency, where there is a valid one."""
        if self.measured is None or not self.measured.valid:
            return None
        return float(self.measured.facts["p50_ms"])

    def plain(self) -> dict[str, Any]:
        """The columns of the CSV, by name."""
        manifest, facts = self.entry.artifact.manifest, self.measured and self.measured.facts
        accuracy = manifest.accuracy
        return {
            "artifact": self.entry.name,
            "folder": str(self.entry.root),
            "model": manifest.model.name,
            "task": manifest.task,
            "target": manifest.target,
            "precision": manifest.precision,
            "backend": manifest.backend,
            "verdict": self.verdict,
            "sqnr_db": manifest.parity.sqnr_db,
            "min_sqnr_db": manifest.parity.min_sqnr_db,
            "sqnr_here_db": None if self.sqnr_here_db is None else round(self.sqnr_here_db, 2),
            "top1_agreement": manifest.parity.top1_agreement,
            "top1": None if accuracy is None else accuracy.top1,
            "reference_top1": None if accuracy is None else accuracy.reference_top1,
            "size_bytes": manifest.size_bytes,
            "int8_mac_fraction": round(manifest.graph.int8_mac_fraction, 4),
            "partitions": manifest.graph.partitions,
            "delegated_ops": manifest.graph.delegated_ops,
            "total_ops": manifest.graph.total_ops,
            "max_rank": manifest.graph.max_rank,
            "device": self.measured and self.measured.setting.device,
            "p50_ms": facts and facts["p50_ms"],
            "p90_ms": facts and facts["p90_ms"],
            "p99_ms": facts and facts["p99_ms"],
            "latency_valid": facts and facts["valid"],
            "runtime": self.entry.runtime or manifest.parity.runtime,
            "manifest_sha256": self.entry.artifact.manifest_sha256,
        }


def rows(contents: Contents, documents: Sequence[Document]) -> tuple[Row, ...]:
    """Every artifact, with its latency where `compared_on` says, a valid one before others."""
    setting = compared_on(documents)
    on_it = [m for d in documents for m in d.measurements if m.setting == setting]
    on_it.sort(key=lambda m: not m.valid)
    return tuple(
        Row(entry=entry, measured=next((m for m in on_it if m.entry == entry.name), None))
        for entry in contents.entries
    )


def compared_on(documents: Sequence[Document]) -> Setting | None:
    """Where latencies stand side by side: those of two devices or accelerators must not.

    Where most of the artifacts were timed; the host where that is as many.
    """
    timed: dict[Setting, set[str]] = {}
    for m in (m for document in documents for m in document.measurements):
        if m.entry is not None and m.facts["p50_ms"] is not None:
            timed.setdefault(m.setting, set()).add(m.entry)
    return max(timed, key=lambda on: (len(timed[on]), on.source == "host"), default=None)


def tiles(contents: Contents, found: Sequence[Row]) -> list[tuple[str, str, str]]:
    """(number, what it is, of which artifact), the most telling ones."""
    passed = sum(row.verdict == "passed" for row in found)
    every = len(found) + len(contents.problems)
    made = [(f"{passed} of {every}", "passed again here", "")]
    if not found:
        return made
    smallest = min(found, key=lambda row: row.size_mb)
    made.append((f"{smallest.size_mb:.2f} MB", "smallest file", smallest.entry.name))
    timed = [(row.p50_ms, row) for row in found if row.p50_ms is not None]
    if timed:
        median, row = min(timed, key=lambda pair: pair[0])
        made.append((f"{median:#.3g} ms", "fastest median", row.entry.name))
    known = [(row.top1, row) for row in found if row.top1 is not None]
    if known:
        top1, row = min(known, key=lambda pair: pair[0])
        made.append((f"{top1:.2%}", "lowest top-1", row.entry.name))
    above = [(row.sqnr_db - row.entry.artifact.manifest.parity.min_sqnr_db, row) for row in found]
    margin, row = min(above, key=lambda pair: pair[0])
    made.append((f"{margin:+.1f} dB", "nearest to its floor", row.entry.name))
    return made


def trade(found: Sequence[Row]) -> list[Chart]:
    """Accuracy and error beside latency and size."""
    if not found:
        return []
    accurate = all(row.top1 is not None for row in found)
    title = ("Top-1" if accurate else "SQNR") + " and latency"
    timed = [row for row in found if row.p50_ms is not None]
    latency = plots.none("trade-latency", title, NOT_MEASURED)
    if timed:
        some = f"{len(timed)} of {len(found)} artifacts have a valid latency on this device. "
        latency = _scatter(
            timed,
            [row.p50_ms or 0.0 for row in timed],
            [100 * (row.top1 or 0.0) if accurate else row.sqnr_db for row in timed],
            key="trade-latency",
            title=title,
            x="median latency, ms",
            y="top-1, %" if accurate else "SQNR, dB",
            note=some if len(timed) < len(found) else "",
        )
    size = _scatter(
        found,
        [row.size_mb for row in found],
        [row.sqnr_db for row in found],
        key="trade-size",
        title="SQNR and size",
        x="size, MB",
        y="SQNR, dB",
        note="",
    )
    return [latency, size]


def _scatter(
    found: Sequence[Row],
    xs: Sequence[float],
    ys: Sequence[float],
    *,
    key: str,
    title: str,
    x: str,
    y: str,
    note: str,
) -> Chart:
    spots = [
        Spot(
            x=a,
            y=b,
            label=row.entry.name,
            target=row.entry.artifact.manifest.target,
            size_bytes=row.entry.artifact.manifest.size_bytes,
        )
        for row, a, b in zip(found, xs, ys, strict=True)
    ]
    said = "; ".join(f"{s.label} {s.x:.3g} and {s.y:.4g}" for s in spots)
    return plots.scatter(
        spots,
        key=key,
        title=title,
        alt=f"{y} over {x}: {said}.",
        x=x,
        y=y,
        note=note + "The larger the point, the larger the file; up and left is better.",
        table=Table(
            head=("artifact", x, y, "size, MB"),
            rows=tuple(
                (s.label, round(s.x, 3), round(s.y, 3), round(s.size_bytes / 1e6, 2)) for s in spots
            ),
        ),
    )
