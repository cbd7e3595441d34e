"""A release: a matrix of models, targets and precisions, each proved, all timed, one report.

What was done with the same inputs is not done again, so that a release that was killed, or failed
in one cell, goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile import baseline, bench, measurements
from slide_mobile.artifact import Artifact
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import Progress, silent
from slide_mobile.release import cells
from slide_mobile.release import plan as plans
from slide_mobile.release.cells import Record, State
from slide_mobile.release.plan import FORMATS, Plan
from slide_mobile.staging import alone_in

BENCH = "bench.json"


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
                    "artifact": str(cells.artifact(self.out, record.name)),
                    "seconds": record.seconds,
                    "peak_rss_bytes": record.peak_rss_bytes,
                    "error": record.error,
                }
                for record, state in self.cells
            ],
            "bench": None if self.bench is None else str(self.bench),
            "reports": [str(path) for path in self.reports],
            "failed": [{"name": name, "error": error} for name, error in self.failures],
        }


def release(file: Path, *, force: bool = False, progress: Progress = silent) -> Release:
    """Do what a release file asks for (plan.py); raises UsageError, UnknownName for a bad one."""
    plan = plans.read(file)
    with alone_in(plan.out, busy=f"another release is writing to {plan.out}"):
        done = cells.run(plan, force=force, progress=progress)
        failures = [
            (record.name, record.error or "not done") for record, _ in done if not record.passed
        ]
        roots = [cells.artifact(plan.out, record.name) for record, _ in done if record.passed]
        measured = None
        if plan.bench is not None and roots:
            try:
                measured, slower = _bench(plan, roots, force=force, progress=progress)
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
    plan: Plan, roots: Sequence[Path], *, force: bool, progress: Progress
) -> tuple[Path, list[tuple[str, str]]]:
    """Time the artifacts, all conversions being over; what is there of the same ones is kept."""
    assert plan.bench is not None
    path, options = plan.out / BENCH, dict(plan.bench)
    earlier, limit = options.pop("baseline", None), options.pop("fail_over", "5%")
    stamp = path.with_name(f"{path.name}.of")
    of = _of(roots, options)
    if force or not path.exists() or not stamp.exists() or stamp.read_text() != of:
        stamp.unlink(missing_ok=True)
        names = {"min_runs": "runs", "min_seconds": "seconds", "threads": "threads"}
        asked = bench.Asked(**{names[key]: value for key, value in options.items()})
        document = bench.bench(roots, asked=asked, progress=progress)
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        stamp.write_text(of)
    document = measurements.read(path)
    failures = [(item["artifact"], item["error"]) for item in document.get("failed", ())]
    if earlier is not None:
        limit_percent = float(str(limit).removesuffix("%"))
        found = baseline.compare(
            document, measurements.read(earlier), earlier, fail_over=limit_percent
        )
        failures += [
            (change["artifact"], change["why"] or f"{change['change_percent']:+.1f} % in p50")
            for change in found["changes"]
            if not change["passed"]
        ]
    return path, failures


def _of(roots: Sequence[Path], options: Mapping[str, Any]) -> str:
    """What a measurement is of: these artifacts, measured so."""
    seals = [Artifact.open(root).manifest.manifest_sha256 for root in roots]
    return hashlib.sha256(json.dumps([seals, options], sort_keys=True).encode()).hexdigest()


def _reports(
    plan: Plan, roots: Sequence[Path], measured: Path | None, progress: Progress
) -> tuple[list[Path], list[tuple[str, str]]]:
    """One file a format, and what could not be taken into them."""
    from slide_mobile import report

    progress("report")
    documents = [] if measured is None else [measured]
    paths: list[Path] = []
    problems: dict[tuple[str, str], None] = {}
    for name, suffix in FORMATS.items():
        if name in plan.formats:
            path = plan.out / f"report.{suffix}"
            written = report.write(roots, path, bench=documents, progress=progress)
            problems.update({(problem.path, problem.line): None for problem in written.problems})
            paths.append(path)
    return paths, list(problems)
