"""The artifacts in a row each, and charts of what each one trades for speed and size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from slide_mobile.artifact.manifest import Manifest
from slide_mobile.report import documents
from slide_mobile.report.contents import Contents
from slide_mobile.report.documents import Format, Report, Verdict
from slide_mobile.report.entries import Entry
from slide_mobile.report.measured import Measurement, Measurements, Setting

# What to run where there are no latencies.
NOT_MEASURED = "not measured; to measure: slide-mobile bench ARTIFACT... --json > bench.json"
NONE_VALID = "measured, but no latency is valid: the section on latency says why"
Latency = Literal["valid", "invalid", "not timed here", "not measured"]


class Tile(NamedTuple):
    """A number at the top of the page: what it is, and the artifact that it belongs to."""

    number: str
    meaning: str
    entry: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One artifact, with the latency that is compared with the others'."""

    entry: Entry
    measured: Measurement | None
    change_percent: float | None = None  # of its latency, from that of a baseline

    @property
    def latency(self) -> Latency:
        """Whether there is a latency to compare, and why not."""
        if self.measured is None:
            return "not measured"
        if self.measured.result.p50_ms is None:
            return "not timed here"
        return "valid" if self.measured.valid else "invalid"

    @property
    def manifest(self) -> Manifest:
        """The artifact's manifest."""
        return self.entry.artifact.manifest

    @property
    def verdict(self) -> Verdict:
        """The verdict of the check that was done for this report, and of earlier labs."""
        if self.entry.failures:
            return "failed"
        return "not run" if self.entry.check is None else "passed"

    @property
    def sqnr_here_db(self) -> float | None:
        """SQNR on the golden images, measured for this report."""
        return None if self.entry.check is None else self.entry.check.parity.sqnr_db

    @property
    def size_mb(self) -> float:
        """Size of the model file, in MB."""
        return self.manifest.size_bytes / 1e6

    @property
    def top1(self) -> float | None:
        """Task top-1 in 0..1, if it was measured on labelled images at conversion."""
        return None if self.manifest.accuracy is None else self.manifest.accuracy.top1

    @property
    def p50_ms(self) -> float | None:
        """The median latency, if there is a valid one."""
        if self.measured is None or not self.measured.valid:
            return None
        return self.measured.result.p50_ms

    def document(self) -> documents.Row:
        """The row as the CSV and `report --json` have it."""
        m, check, measured = self.manifest, self.entry.check, self.measured
        result = None if measured is None else measured.result
        return documents.Row(
            artifact=self.entry.name,
            folder=str(self.entry.artifact.root),
            model=m.model.name,
            task=m.task,
            target=m.target,
            precision=m.precision,
            backend=m.backend,
            verdict=self.verdict,
            failures=self.entry.failures,
            sqnr_db=m.parity.sqnr_db,
            min_sqnr_db=m.parity.min_sqnr_db,
            sqnr_here_db=None if self.sqnr_here_db is None else round(self.sqnr_here_db, 2),
            top1_agreement=m.parity.top1_agreement,
            top1=self.top1,
            reference_top1=None if m.accuracy is None else m.accuracy.reference_top1,
            size_bytes=m.size_bytes,
            int8_mac_fraction=round(m.graph.int8_mac_fraction, 4),
            partitions=m.graph.partitions,
            delegated_ops=m.graph.delegated_ops,
            total_ops=m.graph.total_ops,
            max_rank=m.graph.max_rank,
            labs=self.entry.labs,
            device=None if measured is None else measured.setting.device,
            p50_ms=None if result is None else result.p50_ms,
            p90_ms=None if result is None else result.p90_ms,
            p99_ms=None if result is None else result.p99_ms,
            latency_valid=None if result is None else result.valid,
            runtime=m.parity.runtime if check is None else check.runtime,
            manifest_sha256=self.entry.artifact.manifest_sha256,
        )


def rows(contents: Contents, measured: Sequence[Measurements]) -> tuple[Row, ...]:
    """Every artifact with its latency in the setting of `compared_on`, preferably a valid one.

    One that could not be timed is shown as that, whatever the setting.
    """
    setting = compared_on(measured)
    every = [m for document in measured for m in document.measurements]
    shown = [m for m in every if m.setting == setting or m.result.p50_ms is None]
    shown.sort(key=lambda m: (m.result.p50_ms is None, not m.valid))
    changes = {
        change.artifact: change.change_percent
        for document in measured
        for change in document.changes
    }
    found = {e.name: next((m for m in shown if m.entry == e.name), None) for e in contents.entries}
    return tuple(
        Row(entry=entry, measured=m, change_percent=changes.get(m.result.artifact) if m else None)
        for entry in contents.entries
        for m in [found[entry.name]]
    )


def report(
    contents: Contents, measured: Sequence[Measurements], out: Path, format: Format
) -> Report:
    """What `report --json` prints about a file of this format."""
    return Report(
        report=str(out),
        format=format,
        passed=contents.passed,
        artifacts=tuple(row.document() for row in rows(contents, measured)),
        problems=contents.problems,
        notes=tuple(
            f"{entry.name} was not run: {entry.not_run}"
            for entry in contents.entries
            if entry.not_run is not None
        ),
    )


def compared_on(measured: Sequence[Measurements]) -> Setting | None:
    """The one setting whose latencies are compared: where most of the artifacts were timed.

    The host wins a tie. Latencies of two devices or accelerators are never compared.
    """
    timed: dict[Setting, set[str]] = {}
    for m in (m for document in measured for m in document.measurements):
        if m.entry is not None and m.result.p50_ms is not None:
            timed.setdefault(m.setting, set()).add(m.entry)
    return max(timed, key=lambda on: (len(timed[on]), on.source == "host"), default=None)


def tiles(contents: Contents, found: Sequence[Row]) -> list[Tile]:
    """The most telling numbers."""
    passed = sum(row.verdict == "passed" for row in found)
    made = [
        Tile(f"{passed} of {len(found) + len(contents.problems)}", "passed when run again here")
    ]
    if not found:
        return made
    smallest = min(found, key=lambda row: row.size_mb)
    made.append(Tile(f"{smallest.size_mb:.2f} MB", "smallest file", smallest.entry.name))
    timed = [(row.p50_ms, row.entry.name) for row in found if row.p50_ms is not None]
    if timed:
        median, name = min(timed)
        made.append(Tile(f"{median:#.3g} ms", "fastest median", name))
    known = [(row.top1, row.entry.name) for row in found if row.top1 is not None]
    if known:
        top1, name = min(known)
        made.append(Tile(f"{top1:.2%}", "lowest top-1", name))
    margin, name = min((_margin_db(row), row.entry.name) for row in found)
    made.append(Tile(f"{margin:+.1f} dB", "closest to its floor", name))
    return made


def _margin_db(row: Row) -> float:
    """How far the recorded SQNR is above its floor."""
    parity = row.manifest.parity
    return parity.sqnr_db - parity.min_sqnr_db
