"""The cells of a release: each converted and checked by processes of its own, side by side.

    <out>/artifacts/<name>/          what `convert` wrote
    <out>/cells/<name>.json          what is known of the cell: written after each of its steps
    <out>/cells/<name>.<step>.json   what the step's command printed; .log: what it said meanwhile

A cell that was finished with the same inputs is not done again, nor is a step of one that was not.
What was killed leaves no half artifact (staging.py), and its children die with it.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

from slide_mobile.artifact.atomic import make_folder, write_file
from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import subprocesses
from slide_mobile.errors import OutputError, SlideMobileError
from slide_mobile.progress import Progress
from slide_mobile.release.plan import Cell, Plan

ARTIFACTS, CELLS = "artifacts", "cells"
STEPS = ("convert", "check")
_POLL_SECONDS = 0.1
State = Literal["passed", "kept", "failed"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a cell; `done` are its steps, `error` is why it failed."""

    name: str
    fingerprint: str
    done: tuple[str, ...] = ()
    manifest_sha256: str | None = None
    seconds: float = 0.0
    peak_rss_bytes: int | None = None
    error: str | None = None
    exit_code: int = 0

    @property
    def passed(self) -> bool:
        """Whether every step was done well."""
        return self.error is None and self.done == STEPS


@dataclass(kw_only=True)
class _Running:
    cell: Cell
    record: Record
    step: str
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)


def run(plan: Plan, *, force: bool, progress: Progress) -> list[tuple[Record, State]]:
    """Do every cell that is not done yet, as many at a time as memory and jobs allow.

    Raises OutputError where what is known of a cell cannot be written.
    """
    make_folder(plan.out / CELLS)
    waiting: list[tuple[Cell, Record]] = []
    finished: dict[str, tuple[Record, State]] = {}
    for cell in plan.cells:
        record = _known(plan.out, cell, force=force)
        if record.passed:
            finished[cell.name] = (record, "kept")
        else:
            waiting.append((cell, record))
    running: list[_Running] = []
    try:
        while waiting or running:
            for cell, record in list(_fitting(plan, waiting, running)):
                waiting.remove((cell, record))
                running.append(_start(plan, cell, record))
                progress(f"{running[-1].step} {cell.name}", len(finished) / len(plan.cells))
            for of in [of for of in running if of.process.poll() is not None]:
                running.remove(of)
                record = _ended(plan.out, of)
                _save(plan.out, record)
                if record.error is None and not record.passed:
                    running.append(_start(plan, of.cell, record))
                    progress(f"{running[-1].step} {of.cell.name}", len(finished) / len(plan.cells))
                else:
                    finished[record.name] = (record, "passed" if record.passed else "failed")
            time.sleep(_POLL_SECONDS)
    finally:
        for of in running:
            of.process.kill()
            of.process.wait()
    return [finished[cell.name] for cell in plan.cells]


def artifact(out: Path, name: str) -> Path:
    """Where a cell's artifact is."""
    return out / ARTIFACTS / name


def _known(out: Path, cell: Cell, *, force: bool) -> Record:
    """What an earlier release left of the cell, if that is still true."""
    fresh = Record(name=cell.name, fingerprint=cell.fingerprint)
    try:
        plain = json.loads((out / CELLS / f"{cell.name}.json").read_text(encoding="utf-8"))
        found = Record(**{**plain, "done": tuple(plain["done"])})
    except (OSError, ValueError, KeyError, TypeError):
        return fresh
    if force or found.fingerprint != cell.fingerprint or not found.done:
        return replace(fresh, peak_rss_bytes=found.peak_rss_bytes)
    with contextlib.suppress(SlideMobileError):
        kept = Artifact.open(artifact(out, cell.name))
        kept.verify()
        if kept.manifest_sha256 == found.manifest_sha256:
            return replace(found, error=None, exit_code=0)  # what failed is tried again
    return replace(fresh, peak_rss_bytes=found.peak_rss_bytes)


def _fitting(
    plan: Plan, waiting: Sequence[tuple[Cell, Record]], running: Sequence[_Running]
) -> Iterator[tuple[Cell, Record]]:
    """Those that can start now; one that is larger than the budget starts alone."""
    used = sum(_bytes(of.cell, of.record) for of in running)
    count = len(running)
    for cell, record in waiting:
        needed = _bytes(cell, record)
        if count < plan.jobs and (count == 0 or used + needed <= plan.memory_bytes):
            used, count = used + needed, count + 1
            yield cell, record


def _bytes(cell: Cell, record: Record) -> float:
    """What the cell took when it was last converted, or may take."""
    return cell.memory_bytes if record.peak_rss_bytes is None else record.peak_rss_bytes


def _start(plan: Plan, cell: Cell, record: Record) -> _Running:
    step = next(step for step in STEPS if step not in record.done)
    if step == "convert":
        options = [*cell.convert, "--out", str(plan.out / ARTIFACTS), "--force"]
    else:
        options = [str(artifact(plan.out, cell.name)), *cell.check]
    command, environment = subprocesses.python("slide_mobile", step, *options, "--json", "--quiet")
    if plan.jobs > 1:  # side by side, each keeps to its share of the cores
        threads = max(1, (os.cpu_count() or 1) // plan.jobs)
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    base = plan.out / CELLS / f"{cell.name}.{step}"
    printed, said = (base.with_name(f"{base.name}{suffix}") for suffix in (".json", ".log"))
    with _emptied(printed) as out, _emptied(said) as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment,
            preexec_fn=subprocesses.WITH_US,
        )  # fmt: skip
    return _Running(cell=cell, record=record, step=step, process=process)


def _emptied(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _ended(out: Path, of: _Running) -> Record:
    """The record after a step."""
    record, status = of.record, of.process.returncode
    seconds = round(record.seconds + time.monotonic() - of.started, 1)
    told = _told(out / CELLS / f"{of.cell.name}.{of.step}.json")
    if status != 0:
        log = f"{CELLS}/{of.cell.name}.{of.step}.log"
        default = f"{of.step} ended with {status}; {log} holds what it said"
        return replace(
            record, seconds=seconds, error=str(told.get("error", default)), exit_code=status
        )
    if of.step == "convert":
        record = replace(
            record,
            manifest_sha256=told["manifest_sha256"],
            peak_rss_bytes=told["peak_rss_bytes"],
        )
    return replace(record, seconds=seconds, done=(*record.done, of.step))


def _told(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _save(out: Path, record: Record) -> None:
    write_file(out / CELLS / f"{record.name}.json", json.dumps(asdict(record), indent=2) + "\n")
