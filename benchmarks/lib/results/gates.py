"""The verdict on a gate, as results carry it."""

from typing import Literal

from benchmarks.lib.results.document import Row
from slide_mobile.artifact.documents import NonNegative, Text

Verdict = Literal["goal", "gate", "missed", "invalid"]


class GateResult(Row, frozen=True, kw_only=True):
    """One gate with what was measured; `measured` may be at most `gate` and should be `goal`."""

    target: Text
    name: Text
    model: Text
    gate: NonNegative
    goal: NonNegative
    measured: NonNegative
    verdict: Verdict
