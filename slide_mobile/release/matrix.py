"""A release: a matrix of models, targets and precisions, each proved, all timed, one report.

What was done with the same inputs is not done again, so that a release that was killed, or failed
in one cell, goes on where it stopped.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile.artifact.atomic import alone_in, write_file
from slide_mobile.bench import baseline, documents, host, measure
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import Progress, silent
from slide_mobile.release import cells
from slide_mobile.release import plan as plans
from slide_mobile.release.cells import Record, State
from slide_mobile.release.plan import BENCH, FORMATS, Plan, Timing


@dataclass(frozen=True, kw_only=True)
class Release:
    """What came of it; `failures` says of everything that failed its name and why."""

    out: Path
    cells: tuple[tuple[Record, State], ...]
    bench: Path | None
    reports: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> bool:
        """Whether every cell, measurement and report is there and good."""
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """What `release --json` prints."""
        return {
            "out": str(self.out),
            "passed": self.passed,
            "cells": [
                {
                    "name": record.name,
                    "state": state,
                    "artifact": str(cells.artifact(self.out, record.name)) if record.done else None,
                    "seconds": record.seconds,
                    "peak_rss_bytes": record.peak_rss_bytes,
                    "error": record.error,
                }
                for record, state in self.cells
            ],
            "bench": None if self.bench is None else str(self.bench),
            "reports": [str(path) for path in self.reports],
            "failed": [self._failed(name, error) for name, error in self.failures],
        }

    def _failed(self, name: str, error: str) -> dict[str, str | None]:
        """As `bench` and `embed` say it; what is of no one artifact is named in the line."""
        if name in {record.name for record, _ in self.cells}:
            return {"artifact": str(cells.artifact(self.out, name)), "error": error}
        return {"artifact": None, "error": f"{name}: {error}"}


def release(file: Path, *, force: bool = False, progress: Progress = silent) -> Release:
    """Do what a release file asks for (plan.py); raises UsageError, UnknownName for a bad one."""
    plan = plans.read(file)
    with alone_in(plan.out, busy=f"another release is writing to {plan.out}"):
        done = cells.run(plan, force=force, progress=progress)
        failures = [
            (record.name, record.error or "not done") for record, _ in done if not record.passed
        ]
        good = [record for record, _ in done if record.passed]
        roots = [cells.artifact(plan.out, record.name) for record in good]
        measured = None
        if plan.bench is not None and good:
            try:
                measured, slower = _bench(plan, plan.bench, good, force=force, progress=progress)
                failures += slower
            except SlideMobileError as error:
                failures.append(("bench", str(error)))
        reports: list[Path] = []
        if roots:
            try:
                reports, problems = _reports(plan, roots, measured, progress)
                failures += problems
            except SlideMobileError as error:
                failures.append(("report", str(error)))
    return Release(
        out=plan.out,
        cells=tuple(done),
        bench=measured,
        reports=tuple(reports),
        failures=tuple(failures),
    )


def _bench(
    plan: Plan, timing: Timing, good: Sequence[Record], *, force: bool, progress: Progress
) -> tuple[Path, list[tuple[str, str]]]:
    """Time the artifacts, all conversions being over; what is there of the same ones is kept.

    Unless something in it is invalid: the machine may be quieter now.
    """
    path = plan.out / BENCH
    stamp = path.with_name(f"{path.name}.of")
    of = _of(good, timing.asked)
    if force or not path.exists() or not stamp.exists() or stamp.read_text() != of:
        stamp.unlink(missing_ok=True)
        roots = [cells.artifact(plan.out, record.name) for record in good]
        measured, errors = measure.bench(roots, asked=timing.asked, progress=progress)
        write_file(path, json.dumps(measured, indent=1, allow_nan=False) + "\n")
        if not errors and all(r["valid"] or r["p50_ms"] is None for r in measured["results"]):
            write_file(stamp, of)
    document = documents.read(path)
    failures = [(Path(item["artifact"]).name, item["error"]) for item in document.get("failed", ())]
    if timing.earlier is not None:
        file, earlier = timing.earlier
        try:
            found = baseline.compare(document, earlier, file, fail_over=timing.fail_over)
        except SlideMobileError as error:
            return path, [*failures, ("baseline", str(error))]
        failures += [
            (
                Path(change["artifact"]).name,
                change["why"] or f"{change['change_percent']:+.1f} % in p50",
            )
            for change in found["changes"]
            if not change["passed"]
        ]
    return path, failures


def _of(good: Sequence[Record], asked: measure.Asked) -> str:
    """What a measurement is of: these artifacts, with these runtimes, on this machine, so."""
    facts = [
        [(record.manifest_sha256, record.fingerprint) for record in good],
        vars(asked), host.device(), host.cpu(), os.cpu_count(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _reports(
    plan: Plan, roots: Sequence[Path], measured: Path | None, progress: Progress
) -> tuple[list[Path], list[tuple[str, str]]]:
    """One file a format, and what could not be taken into them, or missed its floor here."""
    from slide_mobile.report import write

    progress("report")
    documents = [] if measured is None else [measured]
    paths: list[Path] = []
    problems: dict[tuple[str, str], None] = {}
    for name, suffix in FORMATS.items():
        if name in plan.formats:
            path = plan.out / f"report.{suffix}"
            written = write(roots, path, bench=documents, progress=progress)
            failed = [row for row in written.rows if row["verdict"] == "failed"]
            problems.update({(Path(p.path).name, p.line): None for p in written.problems})
            problems.update({(Path(row["folder"]).name, _missed(row)): None for row in failed})
            paths.append(path)
    return paths, list(problems)


def _missed(row: Mapping[str, Any]) -> str:
    return (
        f"its golden images have {row['sqnr_here_db']:g} dB here, "
        f"the floor is {row['min_sqnr_db']:g} dB"
    )
