"""whole.json and whole_amx.json: whole models side by side."""

from collections.abc import Mapping

from benchmarks.lib.results.document import Measured
from benchmarks.lib.results.files import Candidate, Refused, Timed
from benchmarks.lib.results.gates import GateResult
from benchmarks.lib.results.markdown import grid, milliseconds

Key = tuple[str, str, str, str, int]  # target, model, form, precision, threads


class Whole(Measured, frozen=True, kw_only=True):
    """The whole file."""

    gates: tuple[GateResult, ...]
    rows: tuple[Timed, ...]
    refused: tuple[Refused, ...] = ()


def table(result: Whole) -> str:
    """A line for each file; its ratios are what another machine can be expected to share."""
    where = result.environment
    title = (
        f"Latency at 224x224, XNNPACK {where.amx}, one thread, {where.cpu}, medians of "
        f"{where.runs} interleaved runs, random weights. "
        '"Published" is the reference graph through the same '
        "converter, quantized in the same operations; the floor is the deploy form without the "
        "core of its local attention and without norms, and computes something else:"
    )
    head = ["target", "model", "form", "precision", "ms", "/ published", "/ Swin-T published"]
    head += ["the same, 2 threads", "/ own fp32", "partitions", "ops inside / all", "SQNR", "size"]
    measured: dict[Key, Timed] = {
        (r.target, r.model, r.form, r.precision, r.threads): r for r in result.rows
    }
    lines = [_cells(r, measured) for r in result.rows if r.threads == 1]
    lines += [[*_name(r), "refused", *[""] * 8] for r in result.refused]
    return grid(title, head, 4, lines)


def gates(result: Whole) -> str:
    """The limits that were set beforehand, and what was measured."""
    where = result.environment
    title = (
        "Limits for `slide_swin_tiny`, set before the measurement, one thread, "
        f"{where.amx}, {where.cpu}:"
    )
    words = {"goal": "goal met", "gate": "gate met", "missed": "missed", "invalid": "invalid"}
    lines = [
        [g.target, g.name, f"{g.measured:g}", f"{g.gate:g}", f"{g.goal:g}", words[g.verdict]]
        for g in result.gates
    ]
    return grid(title, ["target", "", "measured", "gate", "goal", "verdict"], 2, lines)


def _name(r: Candidate) -> list[str]:
    """The first cells of a line."""
    return [r.target, r.model, r.form, f"`{r.precision}`"]


def _cells(r: Timed, measured: Mapping[Key, Timed]) -> list[str]:
    """The line of a file."""

    def ratio(model: str, form: str, precision: str, threads: int = 1) -> str:
        """Latency over that of another file, or nothing if either was not measured."""
        own = measured.get((r.target, r.model, r.form, r.precision, threads))
        other = measured.get((r.target, model, form, precision, threads))
        if own is None or other is None:
            return ""
        valid = own.valid and other.valid
        return f"{own.p50_ms / other.p50_ms:.2f}" if valid else "invalid"

    return [
        *_name(r),
        milliseconds(r.p50_ms, r.valid),
        ratio(r.model, "published", r.precision),
        ratio("swin_tiny", "published", r.precision),
        ratio("swin_tiny", "published", r.precision, 2),
        ratio(r.model, r.form, "fp32"),
        str(r.partitions),
        f"{r.delegated_ops} / {r.total_ops}",
        "" if r.sqnr_db is None else f"{r.sqnr_db:.1f} dB",
        f"{r.size_bytes / 1e6:.1f} MB",
    ]
