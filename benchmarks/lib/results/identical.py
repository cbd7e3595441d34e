"""identical.json: whether `slide-mobile bench` tells an artifact from its copy."""

import msgspec
from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Fraction, Milliseconds, NonNegative, Text


class Comparison(Row, frozen=True, kw_only=True):
    """An artifact measured beside its copy, once; a ratio that is too uncertain is None."""

    p50_ms: tuple[Milliseconds, Milliseconds]
    ratio: NonNegative | None
    interval: tuple[NonNegative, NonNegative] | None
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
            "none" if r.ratio is None else f"{r.ratio:.3f}",
            "" if r.interval is None else "{:.3f} to {:.3f}".format(*r.interval),
            "; ".join(r.why_invalid),
            "" if r.passed else "MISSED",
        ]
        for number, r in enumerate(trial.rows, 1)
    ]
    title = f"{trial.artifact} beside its copy, {trial.cpu}, {trial.allowed:.0%} allowed:"
    return grid(title, ["", "p50 ms", "ratio", "95 %", "invalid", ""], 1, lines)
