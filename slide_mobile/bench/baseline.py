"""Measurements beside earlier ones of the same artifacts on the same device: what became slower."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slide_mobile.bench.documents import Document
from slide_mobile.errors import UsageError

FAIL_OVER = "5%"

Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Of one artifact's median; `why` says what forbids the comparison, or that it is new."""

    artifact: str
    device: str
    p50_ms: float | None
    baseline_ms: float | None
    change_percent: float | None
    passed: bool
    why: str | None = None


def percent(text: str) -> float:
    """How much slower may pass; raises UsageError."""
    try:
        found = float(text.strip().removesuffix("%"))
    except ValueError:
        found = -1
    if not 0 <= found < 1000:
        raise UsageError(f"--fail-over takes percent such as {FAIL_OVER}, not {text!r}")
    return found


def compare(document: Document, earlier: Document, file: Path, *, fail_over: float) -> Document:
    """The document's `baseline`: each result beside its own, by artifact, device and threads.

    What is more than `fail_over` percent slower has not passed, nor what cannot be compared because
    either run is invalid: a gate that could not look must not say yes. An artifact without an
    earlier measurement passes. Raises UsageError where nothing can be compared.
    """
    known = {_key(env, result): result for env, result in results(earlier)}
    changes = [
        _change(env, result, known.get(_key(env, result)), fail_over)
        for env, result in results(document)
    ]
    if not any(_key(env, result) in known for env, result in results(document)):
        devices = sorted({f"{env['device']}, {env['cpu']}" for env, _ in results(earlier)})
        raise UsageError(
            f"{file} has no measurement of these artifacts on this device with as many threads; "
            f"it was made on: {'; '.join(devices) or 'none'}"
        )
    return {
        "file": str(file),
        "fail_over_percent": fail_over,
        "passed": all(change.passed for change in changes),
        "changes": [asdict(change) for change in changes],
    }


def results(document: Document) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Environment and result of each measurement, those of imported documents included."""
    for result in document["results"]:
        yield document["environment"], result
    for inner in document.get("imported", ()):
        yield from results(inner)


def _key(env: Mapping[str, Any], result: Mapping[str, Any]) -> Key:
    # The folder's name: an artifact of a CI run lies elsewhere each time.
    name = Path(result["artifact"]).name
    return (
        name, result["model"], result["target"], result["precision"], env["device"], env["cpu"],
        result["accelerator_requested"], result["threads"],
    )  # fmt: skip


def _change(
    env: Mapping[str, Any],
    result: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    fail_over: float,
) -> Change:
    now, before = result["p50_ms"], None if earlier is None else earlier["p50_ms"]
    why, percent, passed = None, None, True
    if earlier is None:
        why = "no earlier measurement"
    elif now is None and before is None:
        why = "has no latency here"
    elif not (result["valid"] and earlier["valid"]):
        of, reasons = ("this run", result) if not result["valid"] else ("the baseline", earlier)
        why, passed = f"{of} is invalid: {'; '.join(reasons['why_invalid'])}", False
    else:
        percent = 100 * (now / before - 1)
        passed = percent <= fail_over
    return Change(
        artifact=result["artifact"],
        device=env["device"],
        p50_ms=now,
        baseline_ms=before,
        change_percent=None if percent is None else round(percent, 2),
        passed=passed,
        why=why,
    )
