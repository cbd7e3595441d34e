"""Measurements beside earlier ones of the same artifacts on the same device: what became slower.

Both latencies must be valid. Where a machine is too noisy for that, in_turn.py may answer.
"""

from dataclasses import dataclass
from pathlib import Path

from slide_mobile.bench import documents, statistics
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.bench.documents import BenchDocument, Environment
from slide_mobile.bench.result import Result
from slide_mobile.errors import UsageError

FAIL_OVER_PERCENT = 5.0
IN_TURN = "a noisy machine can compare artifacts in turn: bench NEW --baseline FOLDER"

Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An earlier document, its file, and how many percent slower still passes."""

    file: Path
    document: BenchDocument
    fail_over_percent: float = FAIL_OVER_PERCENT

    @classmethod
    def read(cls, file: Path, *, fail_over_percent: float = FAIL_OVER_PERCENT) -> "Baseline":
        """Read it from a file; raises UsageError, GateFailed as `documents.read` does."""
        document = documents.read(file)
        return cls(file=file, document=document, fail_over_percent=fail_over_percent)


def percent(text: str) -> float:
    """Read "5%" or "5" as a percentage; raises UsageError."""
    try:
        found = float(text.strip().removesuffix("%"))
    except ValueError:
        found = -1
    if not 0 <= found < 1000:
        raise UsageError(
            f"fail-over takes a percentage such as {FAIL_OVER_PERCENT:g}%, not {text!r}"
        )
    return found


def compare(document: BenchDocument, baseline: Baseline) -> BaselineComparison:
    """Compare each result with the earlier one of the same artifact, device and threads.

    A result that is more than `fail_over_percent` slower fails. So does one that cannot be compared
    because either run is invalid: a gate that could not look must not pass. A new artifact passes.
    Raises UsageError if the baseline has none of these artifacts.
    """
    known = {_key(*measured): measured[1] for measured in baseline.document.measurements()}
    pairs = [(env, now, known.get(_key(env, now))) for env, now in document.measurements()]
    if not any(earlier for _, _, earlier in pairs):
        raise UsageError(_unlike(baseline))
    limit = baseline.fail_over_percent
    changes = tuple(_change(env, now, earlier, limit) for env, now, earlier in pairs)
    return BaselineComparison.of(baseline.file, limit, changes)


def _unlike(baseline: Baseline) -> str:
    """The error of a baseline that has none of these artifacts."""
    devices = {f"{env.device}, {env.cpu}" for env, _ in baseline.document.measurements()}
    return (
        f"{baseline.file} has no measurement of these artifacts on this device with this number of "
        f"threads; it was measured on: {'; '.join(sorted(devices)) or 'no device'}"
    )


def _key(env: Environment, result: Result) -> Key:
    """What two measurements must have in common to be compared."""
    # Only the folder's name: a CI run keeps its artifacts in another place each time.
    name = Path(result.artifact).name
    return (
        name, result.model, result.target, result.precision, env.device, env.cpu,
        result.accelerator_requested, result.threads,
    )  # fmt: skip


def _change(env: Environment, now: Result, earlier: Result | None, limit: float) -> Change:
    """One artifact beside its earlier result, if there is one."""
    why = _why_not(now, earlier)
    slower = None
    if earlier is not None and now.p50_ms is not None and earlier.p50_ms is not None and not why:
        slower = statistics.slower_percent(now.p50_ms, earlier.p50_ms)
    untimed = earlier is None or (now.p50_ms is None and earlier.p50_ms is None)
    return Change(
        artifact=now.artifact,
        device=env.device,
        p50_ms=now.p50_ms,
        baseline_ms=None if earlier is None else earlier.p50_ms,
        change_percent=None if slower is None else round(slower, 2),
        passed=untimed if slower is None else slower <= limit,
        why=why,
    )


def _why_not(now: Result, earlier: Result | None) -> str | None:
    """Return what forbids the comparison; None if nothing does."""
    if earlier is None:
        return "no earlier measurement"
    if now.p50_ms is None and earlier.p50_ms is None:
        return "cannot be timed here"
    for name, result in (("this run", now), ("the baseline", earlier)):
        if not result.valid:
            return f"{name} is invalid: {'; '.join(result.why_invalid)}; {IN_TURN}"
    return None
