"""Limits on latency and delegation that slide_swin_tiny keeps to, and the verdicts on them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from benchmarks.lib.results.files import GraphForm, Timed
from benchmarks.lib.results.gates import GateResult

OURS, SWIN = "slide_swin_tiny", "swin_tiny"
BELOW_ONE = 0.999  # for a ratio that should be smaller than 1; ratios have three decimals


class Side(NamedTuple):
    """A file that a gate looks at; OURS stands for the model under test."""

    model: str
    form: GraphForm
    precision: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A limit on what is measured on one thread, and the goal beyond it.

    What is limited is the quantity of `of`, divided by that of `over` if there is one.
    """

    target: str
    name: str
    of: Side
    over: Side | None = None
    quantity: Literal["p50_ms", "partitions", "outside"] = "p50_ms"
    gate: float
    goal: float


def _sides(precision: str) -> dict[str, Side]:
    """The files that gates compare in one precision, by name."""
    return {
        "ours": Side(OURS, "deploy", precision),
        "stock Slide": Side(OURS, "published", precision),
        "stock Swin-T": Side(SWIN, "published", precision),
        "GEMM floor": Side(OURS, "floor", precision),
    }


_FP32, _INT8 = _sides("fp32"), _sides("int8")


def _ratio(target: str, precision: str, over: str, gate: float, goal: float) -> Gate:
    """A limit on our latency over that of another file in the same precision."""
    sides = _FP32 if precision == "fp32" else _INT8
    name = f"{precision}: ours / {over}"
    return _latency(target, name, (sides["ours"], sides[over]), gate, goal)


def _latency(target: str, name: str, sides: tuple[Side, Side], gate: float, goal: float) -> Gate:
    """A limit on the latency of one file over another's."""
    of, over = sides
    return Gate(target=target, name=name, of=of, over=over, gate=gate, goal=goal)


def _counts(target: str, partitions: int) -> Iterator[Gate]:
    """Limits on partitions (the goal is 1) and, where 1 is the limit, on operations outside."""
    for precision, sides in (("fp32", _FP32), ("int8", _INT8)):
        of, name = sides["ours"], f"{precision}: partitions"
        yield Gate(target=target, name=name, of=of, quantity="partitions", gate=partitions, goal=1)
        if partitions == 1:
            name = f"{precision}: operations outside"
            yield Gate(target=target, name=name, of=of, quantity="outside", gate=0, goal=0)


GATES = (
    _ratio("tflite", "fp32", "stock Slide", 0.66, 0.58),
    _ratio("tflite", "fp32", "stock Swin-T", 1.08, BELOW_ONE),
    _ratio("tflite", "int8", "stock Slide", 0.52, 0.38),
    _ratio("tflite", "int8", "stock Swin-T", 1.25, BELOW_ONE),
    _latency("tflite", "ours: int8 / fp32", (_INT8["ours"], _FP32["ours"]), 0.52, 0.40),
    _ratio("tflite", "fp32", "GEMM floor", 1.20, 1.10),
    _ratio("tflite", "int8", "GEMM floor", 1.45, 1.20),
    *_counts("tflite", 2),
    _ratio("executorch", "fp32", "stock Slide", 0.62, 0.50),
    _latency(
        "executorch",
        "int8: ours / stock fp32 Slide",
        (_INT8["ours"], _FP32["stock Slide"]),
        0.45,
        0.25,
    ),
    _ratio("executorch", "fp32", "stock Swin-T", 1.10, BELOW_ONE),
    _ratio("executorch", "int8", "stock Swin-T", 1.10, BELOW_ONE),
    *_counts("executorch", 1),
)


def judged(rows: Iterable[Timed], *, ours: str = OURS) -> tuple[GateResult, ...]:
    """The result of each gate whose sides were measured; `ours` is the model under test."""
    measured = {(r.target, r.model, r.form, r.precision): r for r in rows if r.threads == 1}
    found = []
    for gate in GATES:
        sides = [side for side in (gate.of, gate.over) if side is not None]
        keys = [(gate.target, ours if s.model == OURS else s.model, *s[1:]) for s in sides]
        if all(key in measured for key in keys):
            found.append(_result(gate, ours, [measured[key] for key in keys]))
    return tuple(found)


def verdict(measured: float, gate: float, goal: float) -> Literal["goal", "gate", "missed"]:
    """Which of the two limits a measurement keeps to."""
    if measured <= goal:
        return "goal"
    return "gate" if measured <= gate else "missed"


def _result(gate: Gate, ours: str, sides: list[Timed]) -> GateResult:
    """A gate with the rows of its sides."""
    values: list[float] = [getattr(side, gate.quantity) for side in sides]
    measured = values[0] if gate.over is None else round(values[0] / values[1], 3)
    valid = gate.quantity != "p50_ms" or all(side.valid for side in sides)
    return GateResult(
        target=gate.target,
        name=gate.name,
        model=ours,
        gate=gate.gate,
        goal=gate.goal,
        measured=measured,
        verdict=verdict(measured, gate.gate, gate.goal) if valid else "invalid",
    )
