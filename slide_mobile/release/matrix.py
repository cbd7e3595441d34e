"""A release: a matrix of models, targets and precisions, each checked, all timed, one report.

What was done with the same inputs is kept, so a release that was killed, or that failed in one
cell, continues where it stopped.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from slide_mobile.artifact.atomic import alone_in, remove_tree, write_file
from slide_mobile.artifact.documents import encode
from slide_mobile.bench import BenchConfig, BenchDocument, baseline, documents, host, measure
from slide_mobile.errors import SlideMobileError
from slide_mobile.isolation import files
from slide_mobile.progress import Progress, silent
from slide_mobile.release import cells
from slide_mobile.release import plan as plans
from slide_mobile.release.cells import Outcome
from slide_mobile.release.commands import artifact
from slide_mobile.release.documents import CellResult, Failure, Release
from slide_mobile.release.plan import BENCH, Plan
from slide_mobile.release.records import Record
from slide_mobile.report import write_report
from slide_mobile.report.documents import ending


def release(file: Path, *, force: bool = False, progress: Progress = silent) -> Release:
    """Do what a release file asks for (release/file.py); raises UsageError, UnknownName."""
    plan = plans.read(file)
    busy = f"another release is writing to {plan.out}; wait for it, or choose another out"
    with alone_in(plan.out, busy=busy):
        outcomes = cells.run(plan, force=force, progress=progress)
        good = [outcome.record for outcome in outcomes if outcome.record.passed]
        measured, slow = _timed(plan, good, force=force, progress=progress)
        reports, missed = _reported(plan, good, measured, progress)
    failed = (*_failed_cells(plan, outcomes), *slow, *missed)
    return Release(
        out=str(plan.out),
        passed=not failed,
        cells=tuple(_result(plan, outcome) for outcome in outcomes),
        bench=None if measured is None else str(measured),
        reports=tuple(map(str, reports)),
        failed=failed,
    )


def _failed_cells(plan: Plan, outcomes: Sequence[Outcome]) -> list[Failure]:
    """A failure for each cell that did not pass."""
    return [
        _failure(plan, record.name, record.error or "not finished")
        for record in (outcome.record for outcome in outcomes)
        if not record.passed
    ]


def _result(plan: Plan, outcome: Outcome) -> CellResult:
    """A cell as the document has it."""
    record = outcome.record
    return CellResult(
        name=record.name,
        state=outcome.state,
        artifact=str(artifact(plan.out, record.name)) if record.done else None,
        seconds=record.seconds,
        peak_rss_bytes=record.peak_rss_bytes,
        error=record.error,
    )


def _failure(plan: Plan, name: str, error: str) -> Failure:
    """A failure of the artifact of that name, or of what else has the name."""
    if name in {cell.name for cell in plan.cells}:
        return Failure(artifact=str(artifact(plan.out, name)), error=error)
    return Failure(artifact=None, error=f"{name}: {error}")


def _timed(
    plan: Plan, good: Sequence[Record], *, force: bool, progress: Progress
) -> tuple[Path | None, list[Failure]]:
    """The file of measurements, and everything that could not be measured or became slower."""
    if plan.bench is None or not good:
        return None, []
    try:
        document = _measured(plan, plan.bench, good, force=force, progress=progress)
    except SlideMobileError as error:
        return None, [_failure(plan, "bench", str(error))]
    failed = [_failure(plan, Path(f.artifact).name, f.error) for f in document.failed]
    if plan.baseline is not None:
        try:
            changes = baseline.compare(document, plan.baseline).changes
        except SlideMobileError as error:
            return plan.out / BENCH, [*failed, _failure(plan, "baseline", str(error))]
        failed += [
            _failure(
                plan,
                Path(c.artifact).name,
                c.why or f"its median latency changed by {c.change_percent:+.1f} %",
            )
            for c in changes
            if not c.passed
        ]
    return plan.out / BENCH, failed


def _measured(
    plan: Plan, config: BenchConfig, good: Sequence[Record], *, force: bool, progress: Progress
) -> BenchDocument:
    """Time the artifacts after all conversions; a measurement of the same artifacts is kept.

    It is not kept if anything in it is invalid: the machine may be quieter now.
    """
    path = plan.out / BENCH
    stamp = path.with_name(f"{path.name}.of")
    subject = _subject(good, config)
    if not force and path.exists() and _stamped(stamp) == subject:
        return documents.read(path)
    remove_tree(stamp)
    roots = [artifact(plan.out, record.name) for record in good]
    document = measure(roots, config=config, progress=progress)
    write_file(path, encode(document))
    if not document.failed and all(r.valid or r.p50_ms is None for r in document.results):
        write_file(stamp, subject)
    return document


def _stamped(stamp: Path) -> str | None:
    """What the measurement that is there is of; None if that is not known."""
    try:
        return files.read(stamp, most=1 << 10).decode("ascii", "replace")
    except OSError:
        return None


def _subject(good: Sequence[Record], config: BenchConfig) -> str:
    """What a measurement is of: these artifacts and runtimes, this machine, this configuration."""
    facts = (
        [(record.manifest_sha256, record.fingerprint) for record in good],
        (config.threads, config.min_runs, config.min_seconds, config.max_seconds, config.warm_up),
        (host.device(), host.cpu(), os.cpu_count()),
    )
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def _reported(
    plan: Plan, good: Sequence[Record], measured: Path | None, progress: Progress
) -> tuple[list[Path], list[Failure]]:
    """One file per format, and everything that is not in them or missed a floor here."""
    if not good:
        return [], []
    progress("report")
    roots = [artifact(plan.out, record.name) for record in good]
    bench = [] if measured is None else [measured]
    paths: list[Path] = []
    failed: dict[Failure, None] = {}  # each once, in order, though every format reports it
    for format in plan.formats:
        path = plan.out / f"report{ending(format)}"
        try:
            written = write_report(roots, path, bench=bench, progress=progress)
        except SlideMobileError as error:
            failed[_failure(plan, "report", str(error))] = None
            break
        paths.append(path)
        for problem in written.problems:
            failed[_failure(plan, Path(problem.path).name, problem.line)] = None
        for row in written.artifacts:
            if row.verdict == "failed":
                failed[_failure(plan, Path(row.folder).name, "; ".join(row.failures))] = None
    return paths, list(failed)
