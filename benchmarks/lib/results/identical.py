"""identical.json: whether `slide-mobile bench` tells an artifact from its copy."""

import msgspec
from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Fraction, Milliseconds, NonNegative, Positive, Text


class Comparison(Row, frozen=True, kw_only=True):
    """An artifact measured beside its copy, once; without an answer the ratio is None.

    `spread` is p90 over p50, the larger of the two; `why_invalid` is of the ratio.
    """

    p50_ms: tuple[Milliseconds, Milliseconds]
    spread: NonNegative
    processes: Positive
    ratio: NonNegative | None
    interval: tuple[NonNegative, NonNegative]
    cpu_ratio: NonNegative | None
    why_invalid: tuple[Text, ...]
    passed: bool


class Trial(Row, frozen=True, kw_only=True):
    """Repeated comparisons; each ratio must be within `allowed` of 1."""

    artifact: Text
    cpu: Text
    allowed: Fraction
    passed: bool
    rows: tuple[Comparison, ...]


class Identical(Result, frozen=True, kw_only=True):
    """The whole file."""

    alone: Trial | UnsetType = UNSET
    under_load: Trial | UnsetType = msgspec.field(name="under load", default=UNSET)


def table(trial: Trial) -> str:
    """A line for each comparison."""
    lines = [
        [
            str(number),
            " / ".join(f"{ms:.3f}" for ms in r.p50_ms),
            f"{r.spread:.2f}",
            str(r.processes),
            "none" if r.ratio is None else f"{r.ratio:.3f}",
            "{:.3f} to {:.3f}".format(*r.interval),
            "" if r.cpu_ratio is None else f"{r.cpu_ratio:.3f}",
            "" if r.passed else "MISSED",
        ]
        for number, r in enumerate(trial.rows, 1)
    ]
    title = f"{trial.artifact} beside its copy, {trial.cpu}, {trial.allowed:.0%} allowed:"
    heads = ["", "p50 ms", "p90/p50", "processes", "ratio", "95 %", "CPU", ""]
    return grid(title, heads, 1, lines)
