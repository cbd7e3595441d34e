"""Run the cells of a release: each is converted and checked by its own processes, side by side.

    <out>/artifacts/<name>/          the artifact
    <out>/cells/<name>.json          the cell's record, written after each of its steps
    <out>/cells/<name>.<step>.json   the JSON that the step's command printed; .log: its messages

A cell or step that was finished with the same inputs is kept. A killed release leaves no half
artifact (artifact/atomic.py), and its child processes die with it.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from msgspec import Struct
from msgspec.structs import replace

from slide_mobile.artifact import atomic, documents
from slide_mobile.artifact.atomic import make_folder
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import OutputError
from slide_mobile.isolation import files, subprocesses
from slide_mobile.progress import Progress
from slide_mobile.release.commands import STEPS, Step, arguments, artifact
from slide_mobile.release.documents import State
from slide_mobile.release.plan import Cell, Plan
from slide_mobile.release.records import CELLS, Record, known, save

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 3  # for what is ended to clean up


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A cell's record, and whether this run made it or found it made."""

    record: Record
    state: State


class _Printed(Struct, frozen=True):
    """The parts of a command's JSON that a record keeps."""

    peak_rss_bytes: int | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A step of a cell that is running."""

    cell: Cell
    step: Step
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)


def run(plan: Plan, *, force: bool, progress: Progress) -> tuple[Outcome, ...]:
    """Finish every cell, as many at a time as memory and jobs allow.

    Raises OutputError where a record cannot be written.
    """
    make_folder(plan.out / CELLS)
    for cell in plan.cells:
        atomic.sweep(artifact(plan.out, cell.name))
    records = {cell.name: known(plan.out, cell, force=force) for cell in plan.cells}
    kept = {name for name, record in records.items() if record.passed}
    waiting = [cell for cell in plan.cells if cell.name not in kept]
    running: list[_Job] = []

    def start(cell: Cell) -> None:
        """Start the next step of a cell, and say so."""
        job = _start(plan, cell, records[cell.name])
        running.append(job)
        over = sum(record.passed or record.error is not None for record in records.values())
        progress(f"{job.step} {cell.name}", over / len(plan.cells))

    try:
        while waiting or running:
            for cell in list(_fitting(plan, waiting, [job.cell for job in running], records)):
                waiting.remove(cell)
                start(cell)
            for job in [job for job in running if job.process.poll() is not None]:
                running.remove(job)
                record = records[job.cell.name] = _ended(plan.out, job, records[job.cell.name])
                save(plan.out, record)
                if record.error is None and not record.passed:
                    start(job.cell)
            time.sleep(_POLL_SECONDS)
    finally:
        _end(plan, running)
    return tuple(_outcome(record, kept) for record in records.values())


def _end(plan: Plan, running: Sequence[_Job]) -> None:
    """End what runs; it cleans up by itself, or its leavings are deleted here."""
    for job in running:
        job.process.terminate()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for job in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(max(0.0, deadline - time.monotonic()))
        job.process.kill()
        job.process.wait()
        atomic.sweep(artifact(plan.out, job.cell.name))


def _outcome(record: Record, kept: Collection[str]) -> Outcome:
    """How a record came about."""
    if record.name in kept:
        return Outcome(record=record, state="kept")
    return Outcome(record=record, state="passed" if record.passed else "failed")


def _fitting(
    plan: Plan, waiting: Sequence[Cell], running: Sequence[Cell], records: Mapping[str, Record]
) -> Iterator[Cell]:
    """The waiting cells that can start now; one larger than the whole budget starts alone."""
    used = sum(_bytes(cell, records[cell.name]) for cell in running)
    count = len(running)
    for cell in waiting:
        needed = _bytes(cell, records[cell.name])
        if count < plan.jobs and (count == 0 or used + needed <= plan.memory_bytes):
            used, count = used + needed, count + 1
            yield cell


def _bytes(cell: Cell, record: Record) -> float:
    """Memory that the cell took when it was last converted, else the estimate."""
    return cell.memory_bytes if record.peak_rss_bytes is None else record.peak_rss_bytes


def _start(plan: Plan, cell: Cell, record: Record) -> _Job:
    """Start the next step of a cell."""
    step = next(step for step in STEPS if step not in record.done)
    command, environment = subprocesses.python("slide_mobile", *arguments(cell, step, plan.out))
    if plan.jobs > 1:  # side by side, each process keeps to its share of the cores
        threads = max(1, (os.cpu_count() or 1) // plan.jobs)
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    with (
        _emptied(_printed(plan.out, cell, step)) as out,
        _emptied(_log(plan.out, cell, step)) as log,
    ):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env=environment,
            preexec_fn=subprocesses.WITH_US,
        )
    return _Job(cell=cell, step=step, process=process)


def _printed(out: Path, cell: Cell, step: Step) -> Path:
    """File of a step's JSON output."""
    return out / CELLS / f"{cell.name}.{step}.json"


def _log(out: Path, cell: Cell, step: Step) -> Path:
    """File of a step's messages."""
    return out / CELLS / f"{cell.name}.{step}.log"


def _emptied(path: Path) -> IO[bytes]:
    """Make a file anew for writing, and delete what is there; raises OutputError."""
    try:
        path.unlink(missing_ok=True)  # it could be a link, or a pipe
        return path.open("xb")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _ended(out: Path, job: _Job, record: Record) -> Record:
    """The cell's record after a step has ended."""
    status = job.process.returncode
    if status < 0:  # a crash cleans nothing up
        atomic.sweep(artifact(out, job.cell.name))
    record = replace(record, seconds=round(record.seconds + time.monotonic() - job.started, 1))
    printed = _read_printed(_printed(out, job.cell, job.step))
    if status != 0:
        log = _log(out, job.cell, job.step).relative_to(out)
        error = printed.error or f"{job.step} failed with exit code {status}; see its log, {log}"
        return replace(record, error=error, exit_code=status)
    if job.step == "convert":
        record = replace(
            record,
            manifest_sha256=ArtifactFolder.open(artifact(out, record.name)).manifest_sha256,
            peak_rss_bytes=printed.peak_rss_bytes,
        )
    return replace(record, done=(*record.done, job.step))


def _read_printed(path: Path) -> _Printed:
    """What a command printed; a process that was killed may have printed nothing."""
    try:
        return documents.decode(files.read(path, most=documents.MOST_BYTES), _Printed)
    except (OSError, DocumentError):
        return _Printed()
