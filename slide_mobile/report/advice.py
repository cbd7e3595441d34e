"""The recommendation in words: which artifact of a model to take, its gain and its cost."""

from collections.abc import Sequence

from slide_mobile.report.measured import Measurements
from slide_mobile.report.summary import Row

NAMES = {
    "tflite": "TFLite",
    "executorch": "ExecuTorch",
    "coreml": "Core ML",
    "onnx": "ONNX Runtime",
}
POINTS = 0.005  # of top-1; a smaller difference would be printed as 0.00
APPS = frozenset({"android", "ios"})
HOST = "Measured on a computer or in a browser: measure in the app on the phone before you decide."


def advice(found: Sequence[Row], measured: Sequence[Measurements]) -> tuple[str, ...]:
    """A sentence for each model and task that has several artifacts which passed."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        if row.verdict == "passed":
            groups.setdefault((row.manifest.model.name, row.manifest.task), []).append(row)
    lines = [
        (f"{model}: " if len(groups) > 1 else "") + _sentence(rows, measured)
        for (model, _), rows in groups.items()
        if len(rows) > 1
    ]
    by_no_app = any(
        row.p50_ms is not None and row.measured.setting.source not in APPS
        for row in found
        if row.measured
    )
    return (*lines, HOST) if lines and by_no_app else tuple(lines)


def _sentence(rows: Sequence[Row], measured: Sequence[Measurements]) -> str:
    """The best artifact beside the most exact one of its target."""
    best, timed = _best(rows)
    base = _exact([row for row in rows if row.manifest.target == best.manifest.target])
    why = "the fastest that was measured" if timed else "the smallest; latencies were not compared"
    if base is best:
        return f"{_name(best)}: {why}."
    gains = [_smaller(best, base), *_faster(best, base, measured)]
    return f"{_name(best)}: {' and '.join(gains)} than {_name(base)}, {_cost(best, base)}; {why}."


def _best(rows: Sequence[Row]) -> tuple[Row, bool]:
    """The fastest artifact where several have a latency, else the smallest; and whether timed."""
    timed = [(row.p50_ms, row) for row in rows if row.p50_ms is not None]
    if len(timed) > 1:
        return min(timed, key=lambda one: one[0])[1], True
    return min(rows, key=lambda row: row.size_mb), False


def _exact(rows: Sequence[Row]) -> Row:
    """The artifact with the highest SQNR."""
    return max(rows, key=lambda row: row.manifest.parity.sqnr_db)


def _name(row: Row) -> str:
    """An artifact in words."""
    return f"{row.manifest.precision} on {NAMES.get(row.manifest.target, row.manifest.target)}"


def _smaller(best: Row, base: Row) -> str:
    """The ratio of the sizes."""
    ratio = base.size_mb / best.size_mb
    return f"{ratio:.1f}x smaller" if ratio >= 1 else f"{1 / ratio:.1f}x larger"


def _cost(best: Row, base: Row) -> str:
    """What it costs in top-1, or in SQNR where that was not measured."""
    if best.top1 is None or base.top1 is None:
        return f"with an SQNR of {best.manifest.parity.sqnr_db:.0f} dB"
    points = 100 * (base.top1 - best.top1)
    if abs(points) < POINTS:
        return "with the same top-1"
    if points > 0:
        return f"for {points:.2f} points of top-1"
    return f"with {-points:.2f} points more of top-1"


def _faster(best: Row, base: Row, measured: Sequence[Measurements]) -> list[str]:
    """The ratio of the latencies, where it is certain."""
    ratio = _ratio(base, best, measured)
    if ratio is None:
        return []
    return [f"{ratio:.1f}x faster" if ratio >= 1 else f"{1 / ratio:.1f}x slower"]


def _ratio(of: Row, over: Row, measured: Sequence[Measurements]) -> float | None:
    """A ratio that a document gives for two artifacts."""
    for document in measured:
        places = {id(m): i for i, m in enumerate(document.measurements)}
        if id(of.measured) in places and id(over.measured) in places:
            return document.ratios[places[id(of.measured)]][places[id(over.measured)]]
    return None
