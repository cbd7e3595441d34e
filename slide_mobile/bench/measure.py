"""How long an inference takes here, beside others, and whether to believe it.

Artifacts are timed in several rounds, each in a process of its own (rounds.py): where a process
happens to have its memory can make a model several percent faster or slower for as long as it
lives, and in one process nobody would know. In a round they take turns in random order, so that a
drift of the machine touches all alike. Each is the first to be loaded in a round of its own, where
its load time, first inference and memory are measured.
"""

import contextlib
import json
import math
import os
import platform
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from slide_mobile._version import __version__
from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import host, statistics, subprocesses
from slide_mobile.bench.documents import SCHEMA_VERSION, Document
from slide_mobile.bench.statistics import Turns
from slide_mobile.errors import GateFailed, SlideMobileError, UsageError
from slide_mobile.progress import Progress, silent

MIN_RUNS, MIN_SECONDS, WARM_UP = 50, 3.0, 5
ROUNDS = 4  # fewer processes say little about how far processes differ
ROUNDS_ALONE = 2  # of one artifact, which is compared with none
# Of the time that all cores had, what others may have taken.
MAX_OTHERS, MAX_STOLEN = 0.10, 0.02
# Of its own time, what a process on one thread may have waited for a core.
MAX_WAITED = 0.05


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How to measure: at least so many runs and seconds of each artifact, over all rounds."""

    threads: int = 1
    runs: int = MIN_RUNS
    seconds: float = MIN_SECONDS
    warmup: int = WARM_UP


@dataclass(kw_only=True)
class Subject:
    """One artifact, and what was found of it so far."""

    number: int
    root: Path
    artifact: Artifact
    failure: SlideMobileError | None = None
    runtime: str = ""
    suite: tuple[str, str] = ("", "")  # the runtime's name alone, and its version
    evaluated: bool = False  # nothing here runs it
    fresh: list[dict[str, Any]] = field(default_factory=list)
    rounds: dict[int, Turns] = field(default_factory=dict)

    def median_of(self, key: str) -> float | None:
        """Of the rounds in which it was the first to be loaded."""
        found = [told[key] for told in self.fresh if key in told]
        return float(np.median(found)) if found else None


class Crashed(SlideMobileError):
    """The process that measured an artifact died."""

    exit_code = 1


def bench(
    roots: Sequence[Path], *, asked: Asked | None = None, progress: Progress = silent
) -> tuple[Document, tuple[SlideMobileError, ...]]:
    """Measure artifacts beside each other; the document is as measurements.py describes it.

    One that is damaged or cannot be loaded stands in the document's `failed`, and the rest goes on;
    the errors are those of `failed`. Raises UsageError for what cannot be asked.
    """
    asked = asked or Asked()
    require_sense(asked)
    if roots:
        progress("verify")
    subjects, failed = opened(roots)
    disturbances = list(_rounds(subjects, asked, progress))
    for subject in subjects:
        if subject.failure is not None:
            failed.append((subject.root, subject.failure))
    measured = [subject for subject in subjects if subject.failure is None]
    busy = _reasons(disturbances, asked)
    results = [_result(subject, asked, busy, disturbances) for subject in measured]
    ratios, intervals = _compared(measured, results)
    document = {
        "schema_version": SCHEMA_VERSION,
        "source": "host",
        "environment": _environment(measured, disturbances),
        "results": results,
        "ratios": ratios,
        "ratio_intervals": intervals,
    }
    if failed:
        document["failed"] = [{"artifact": str(p), "error": str(error)} for p, error in failed]
    return document, tuple(error for _, error in failed)


def opened(
    roots: Sequence[Path],
) -> tuple[list[Subject], list[tuple[Path, SlideMobileError]]]:
    """Artifacts that are whole, and what the others lack."""
    subjects: list[Subject] = []
    failed: list[tuple[Path, SlideMobileError]] = []
    for root in roots:
        try:
            artifact = Artifact.open(root)
            artifact.verify()
        except SlideMobileError as error:
            failed.append((root, error))
        else:
            subjects.append(Subject(number=len(subjects), root=root, artifact=artifact))
    return subjects, failed


def require_sense(asked: Asked) -> None:
    """Raise UsageError for what cannot be measured so."""
    if asked.threads < 1:
        raise UsageError(f"--threads must be at least 1, got {asked.threads}")
    if asked.runs < statistics.MIN_RUNS:
        raise UsageError(
            f"--min-runs must be at least {statistics.MIN_RUNS}, got {asked.runs}: "
            "percentiles of fewer say nothing"
        )
    if not (0 <= asked.seconds < math.inf) or asked.warmup < 1:
        raise UsageError("--min-seconds must be a time, and --warm-up at least one run")


def _rounds(
    subjects: Sequence[Subject], asked: Asked, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Run the rounds, filling in the subjects; gives what disturbed each."""
    alone = len(subjects) == 1
    count = ROUNDS_ALONE if alone else max(ROUNDS, len(subjects))
    for index in range(count):
        told: dict[str, Any] | None = None
        while told is None:
            left = [s for s in subjects if s.failure is None and (not s.evaluated or not s.fresh)]
            if not left:
                return
            progress(f"round {index + 1} of {count}", index / count)
            told = _round(_order(left, index), index, count, asked)
        yield told


def _order(left: Sequence[Subject], index: int) -> list[Subject]:
    """First the one that was so least often; the others follow in an order of their own."""
    first = min(left, key=lambda subject: len(subject.fresh))
    others = [subject for subject in left if subject is not first]
    random.Random(index).shuffle(others)
    return [first, *others]


def _round(order: Sequence[Subject], index: int, count: int, asked: Asked) -> dict[str, Any] | None:
    """One process; None if it died, and then whose fault that was is known."""
    request = {
        "artifacts": [(subject.number, str(subject.root)) for subject in order],
        "threads": asked.threads,
        "warmup": asked.warmup,
        "turns": -(-asked.runs // count),
        "seconds": asked.seconds / count,
        "seed": index,
    }
    known = {subject.number: subject for subject in order}
    at: int | None = None
    found: dict[str, Any] = {}
    with _process(request) as (lines, ending):
        for told in lines:
            at = told.get("at", at)
            if "failed" in told:
                known[told["failed"]].failure = _failure(told)
            elif "loaded" in told:
                _loaded(known[told["loaded"]], told)
            elif "times" in told:
                for number, turns in told.pop("times"):
                    known[number].rounds[index] = np.asarray(turns, np.float64)
            found |= told
        status, said = ending()
    if status == 0:
        return found
    for subject in order if at is None else [known[at]]:
        subject.rounds.pop(index, None)
        subject.failure = Crashed(
            f"{subject.root}: the process that measured it ended with {status}: {said}"
        )
    return None


def profile(roots: Sequence[Path], *, threads: int = 1) -> list[dict[str, Any]]:
    """The results' `operations` and `why_no_operations` of good artifacts.

    Each has a process of its own: what ends it is told of that artifact alone.
    """
    return [_profile(root, threads) for root in roots]


def _profile(root: Path, threads: int) -> dict[str, Any]:
    with _process({"profile": str(root), "threads": threads}) as (lines, ending):
        found = next((told for told in lines if "operations" in told), None)
        if found is not None:
            return found
        status, said = ending()
    return {
        "operations": None,
        "why_no_operations": f"the process that profiled it ended with {status}: {said}",
    }


def _failure(told: dict[str, Any]) -> SlideMobileError:
    kinds = {GateFailed.exit_code: GateFailed, UsageError.exit_code: UsageError}
    error = kinds.get(told["exit_code"], SlideMobileError)(told["error"])
    error.exit_code = told["exit_code"]
    return error


def _loaded(subject: Subject, told: dict[str, Any]) -> None:
    subject.runtime = told["runtime"]
    subject.suite = told["suite"]
    subject.evaluated = "first_ms" not in told
    if told["fresh"] or subject.evaluated:
        subject.fresh.append(told)


@contextlib.contextmanager
def _process(
    request: dict[str, Any],
) -> Iterator[tuple[Iterator[dict[str, Any]], Callable[[], tuple[int, str]]]]:
    """Lines of a round, and a function that gives its exit status and its last words."""
    reading, writing = os.pipe()
    command, environment = subprocesses.python("slide_mobile.bench.measuring_process", str(writing))
    with tempfile.TemporaryFile("w+", errors="replace") as words:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=words, stderr=words, pass_fds=[writing],
            env=environment, text=True, preexec_fn=subprocesses.WITH_US,
        )  # fmt: skip
        os.close(writing)

        def ending() -> tuple[int, str]:
            status = process.wait()
            words.seek(0)
            return status, (words.read().strip().splitlines() or ["without a word"])[-1]

        try:
            assert process.stdin is not None
            with os.fdopen(reading, encoding="utf-8") as told:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(json.dumps(request))
                    process.stdin.close()
                # What a crash cut off has no end of line.
                yield (json.loads(line) for line in told if line.endswith("\n")), ending
        finally:
            process.kill()
            process.wait()


def _reasons(disturbances: Sequence[dict[str, Any]], asked: Asked) -> list[str]:
    """What the machine did meanwhile that makes every number of this measurement doubtful."""
    total = {
        key: sum(told.get(key, 0.0) for told in disturbances)
        for key in ("wall", "cpu", "others", "stolen", "throttled")
    }
    if not total["wall"]:
        return []
    reasons, cores = [], (os.cpu_count() or 1)
    if (share := total["others"] / (total["wall"] * cores)) > MAX_OTHERS:
        reasons.append(f"other processes took {share:.0%} of the machine")
    if (share := total["stolen"] / (total["wall"] * cores)) > MAX_STOLEN:
        reasons.append(f"the hypervisor took {share:.0%} of the machine")
    if asked.threads == 1 and (share := 1 - total["cpu"] / total["wall"]) > MAX_WAITED:
        reasons.append(f"waited for the processor {share:.0%} of the time")
    return reasons


def _result(
    subject: Subject, asked: Asked, busy: Sequence[str], disturbances: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """One of the document's `results`."""
    manifest = subject.artifact.manifest
    samples = [float(ms) for turns in subject.rounds.values() for ms in turns.ravel()]
    counted = [told["throttled"] for told in disturbances if "throttled" in told]
    before: statistics.Thermal = "nominal" if counted else "unknown"
    after: statistics.Thermal = "serious" if any(counted) else before
    if subject.evaluated:
        reasons = [f"no latency: {subject.runtime}"]
    else:
        reasons = [*statistics.why_invalid(samples, before=before, after=after), *busy]
        reasons += _of_processes(list(subject.rounds.values()))
    apple = "coreml" in (manifest.target, manifest.backend)  # Core ML chooses where it computes
    memory = [subject.median_of(key) for key in ("peak_rss_bytes", "base_rss_bytes")]
    percentiles = vars(statistics.summary(samples)) if samples else dict.fromkeys(_PERCENTILES)
    return {
        "artifact": str(subject.root),
        "model": manifest.model.name,
        "target": manifest.target,
        "precision": manifest.precision,
        "manifest_sha256": subject.artifact.manifest_sha256,
        "runtime": subject.runtime,
        "accelerator_requested": "all" if apple else "cpu",
        "accelerator_used": None if apple else "cpu",
        "threads": None if apple or subject.evaluated else asked.threads,
        "warmup_runs": 0 if subject.evaluated else asked.warmup,
        "runs": len(samples),
        "seconds": round(sum(samples) / 1e3, 6),
        **percentiles,
        "first_ms": _rounded(subject.median_of("first_ms")),
        "load_ms": None if subject.evaluated else _rounded(subject.median_of("load_ms")),
        "peak_rss_bytes": None if memory[0] is None else int(memory[0]),
        "base_rss_bytes": None if memory[1] is None else int(memory[1]),
        "partitions": manifest.graph.partitions,
        "delegated_ops": manifest.graph.delegated_ops,
        "total_ops": manifest.graph.total_ops,
        "thermal_before": before,
        "thermal_after": after,
        "samples_ms": samples,
        "valid": not reasons,
        "why_invalid": reasons,
        "sustained": None,
        "verify": None,
    }


_PERCENTILES = ("p50_ms", "p90_ms", "p99_ms", "mean_ms")


def _of_processes(rounds: Sequence[Turns]) -> list[str]:
    """A reason where the medians of the processes lie further apart than samples may."""
    medians = [float(np.median(turns)) for turns in rounds]
    if not medians or max(medians) <= statistics.MAX_SPREAD * min(medians):
        return []
    return [f"processes differ: medians from {min(medians):.3g} to {max(medians):.3g} ms"]


def _compared(
    subjects: Sequence[Subject], results: Sequence[dict[str, Any]]
) -> tuple[list[list[float | None]], list[list[list[float] | None]]]:
    """The ratios, those that are sure, and the intervals of all that both are valid of."""
    ratios = statistics.ratios([r["p50_ms"] if r["valid"] else None for r in results])
    count = len(results)
    intervals: list[list[list[float] | None]] = [[None] * count for _ in range(count)]
    for i, a in enumerate(subjects):
        for j, b in enumerate(subjects[:i]):
            if ratios[i][j] is None:
                continue
            both = sorted(set(a.rounds) & set(b.rounds))
            low, high = statistics.ratio_interval([(a.rounds[r], b.rounds[r]) for r in both])
            intervals[i][j], intervals[j][i] = [low, high], [1 / high, 1 / low]
            if not statistics.sure(low, high):
                ratios[i][j] = ratios[j][i] = None
        if ratios[i][i] is not None:
            intervals[i][i] = [1.0, 1.0]
    return ratios, intervals


def _environment(
    subjects: Sequence[Subject], disturbances: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    tiles = any(told.get("tiles", False) for told in disturbances)
    return {
        "device": host.device(),
        "os": platform.system(),
        "os_version": platform.release(),
        "cpu": host.cpu() + (", with AMX" if tiles else ""),
        "cores": os.cpu_count() or 1,
        "memory_bytes": host.memory_bytes(),
        "app_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "runtimes": dict(subject.suite for subject in subjects),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
