"""Verdicts on gates follow from the rows."""

from benchmark_rows import timed

from benchmarks.lib.gates import BELOW_ONE, GATES, judged


def test_gates_follow_from_the_rows() -> None:
    rows = [
        timed("slide_swin_tiny", "published", "fp32", 100),
        timed("slide_swin_tiny", "deploy", "fp32", 62, partitions=3),
        timed("slide_swin_tiny", "deploy", "fp32", 1, threads=2),
        timed("slide_swin_tiny", "deploy", "int8", 30),
        timed("slide_swin_tiny", "floor", "fp32", 50),
        timed("slide_swin_tiny", "published", "int8", 50, valid=False),
    ]
    assert {g.name: (g.measured, g.verdict) for g in judged(rows)} == {
        "fp32: ours / stock Slide": (0.62, "gate"),
        "int8: ours / stock Slide": (0.6, "invalid"),
        "ours: int8 / fp32": (0.484, "gate"),
        "fp32: ours / GEMM floor": (1.24, "missed"),
        "fp32: partitions": (3, "missed"),
        "int8: partitions": (1, "goal"),
    }


def test_operations_outside_are_judged_on_executorch() -> None:
    row = timed("slide_swin_tiny", "deploy", "fp32", 1, target="executorch", delegated_ops=98)
    assert [(g.name, g.measured, g.verdict) for g in judged([row])] == [
        ("fp32: partitions", 1, "goal"),
        ("fp32: operations outside", 2, "missed"),
    ]


def test_equal_to_swin_is_not_faster_than_swin() -> None:
    rows = [
        timed("slide_swin_tiny", "deploy", "fp32", 50),
        timed("swin_tiny", "published", "fp32", 50),
    ]
    (gate,) = (g for g in judged(rows) if "Swin-T" in g.name)
    assert (gate.measured, gate.goal, gate.verdict) == (1.0, BELOW_ONE, "gate")


def test_another_model_can_stand_for_ours() -> None:
    rows = [
        timed("slide_swin_test", "deploy", "fp32", 5),
        timed("slide_swin_test", "published", "fp32", 10),
    ]
    assert judged(rows) == ()
    (ratio, _) = judged(rows, ours="slide_swin_test")
    assert ratio.measured == 0.5


def test_no_goal_is_easier_than_its_gate() -> None:
    assert all(gate.goal <= gate.gate for gate in GATES)
    assert len({(gate.target, gate.name) for gate in GATES}) == len(GATES)
