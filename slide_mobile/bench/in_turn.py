"""Artifacts beside an earlier one that took turns with them: which is slower.

It needs valid ratios only, and a machine may be too noisy for a latency and quiet enough for them.
"""

from pathlib import Path

from msgspec import UNSET

from slide_mobile.bench import statistics
from slide_mobile.bench.baseline import FAIL_OVER_PERCENT
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.errors import UsageError


def compare(
    document: BenchDocument, root: Path, *, fail_over_percent: float = FAIL_OVER_PERCENT
) -> BaselineComparison:
    """Compare each result of this machine with that of the artifact in `root`.

    One that is more than `fail_over_percent` slower fails, and so does one without an answer: a
    gate that could not look must not pass. Raises UsageError if `root` was not measured.
    """
    names = [result.artifact for result in document.results]
    if str(root) not in names:
        raise UsageError(f"{root} was not measured, so nothing can be compared with it")
    base = names.index(str(root))
    places = [place for place in range(len(names)) if place != base]
    changes = [_change(document, place, base, fail_over_percent) for place in places]
    return BaselineComparison.of(root, fail_over_percent, changes)


def _change(document: BenchDocument, place: int, base: int, limit: float) -> Change:
    """One artifact beside the baseline."""
    now, earlier = document.results[place], document.results[base]
    ratio, why = document.ratios[place][base], _why_not(document, place, base)
    slower = None if ratio is None else statistics.slower_percent(ratio, 1.0)
    untimed = now.p50_ms is None and earlier.p50_ms is None
    return Change(
        artifact=now.artifact,
        device=document.environment.device,
        p50_ms=now.p50_ms,
        baseline_ms=earlier.p50_ms,
        change_percent=None if slower is None else round(slower, 2),
        passed=untimed if slower is None else slower <= limit,
        why=why,
        ratio=UNSET if ratio is None else ratio,
    )


def _why_not(document: BenchDocument, place: int, base: int) -> str | None:
    """Return why two results have no ratio; None if they have one."""
    if any(document.results[one].p50_ms is None for one in (place, base)):
        return "cannot be timed here"
    pair = document.comparison(place, base)
    if pair is None:
        return "no answer: no two processes measured both"
    return None if pair.valid else f"no answer: {'; '.join(pair.why_invalid)}"
