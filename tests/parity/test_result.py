"""The parity report: its numbers, and the floors that they miss."""

import dataclasses

import msgspec
import numpy as np
import pytest

from slide_mobile.parity import result
from slide_mobile.parity.metrics import EXACT_DB, sqnr_db
from slide_mobile.parity.result import compare
from slide_mobile.recipes import RECIPES

INT8 = RECIPES["int8"]


def test_sqnr_of_a_known_ratio() -> None:
    ref = np.array([3.0, 4.0])
    assert sqnr_db(ref, ref + np.array([0.3, -0.4])) == pytest.approx(20.0)


def test_equal_outputs_are_reported_as_exact() -> None:
    assert sqnr_db(np.ones(3), np.ones(3)) == EXACT_DB


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_a_number_fails_everything(bad: float) -> None:
    good = np.ones((2, 3), np.float32)
    broken = good.copy()
    broken[1, 2] = bad
    for ref, out in ((good, broken), (broken, good), (broken, broken)):
        report = compare(ref, out, recipe=RECIPES["fp32"], trained=True)
        assert report.sqnr_db == -EXACT_DB and not report.passed
        assert np.isfinite(report.max_abs)  # JSON has no NaN


def logits(samples: int, disagree: int) -> tuple[np.ndarray, np.ndarray]:
    ref = np.tile(np.array([[5.0, 4.9, 0.0]], np.float32), (samples, 1))
    out = ref.copy()
    out[:disagree, :2] = out[:disagree, 1::-1]
    return ref, out


def test_agreement_below_the_floor_fails_a_trained_model() -> None:
    ref, out = logits(100, 4)
    report = compare(ref, out, recipe=INT8, trained=True)
    assert report.sqnr_db > INT8.min_sqnr_db
    assert not report.passed and "agreement 96.0%" in report.failures[0]


def test_agreement_at_the_floor_passes() -> None:
    ref, out = logits(100, 3)
    assert compare(ref, out, recipe=INT8, trained=True).passed


def test_agreement_is_no_gate_for_random_weights() -> None:
    ref, out = logits(100, 50)
    assert compare(ref, out, recipe=INT8, trained=False).passed


@pytest.mark.parametrize(
    ("samples", "disagree", "passes"),
    [(8, 1, True), (8, 2, False), (7, 0, True), (7, 1, False), (1, 1, False), (64, 2, False)],
)
def test_among_few_images_one_tie_is_forgiven_and_no_more(
    samples: int, disagree: int, passes: bool
) -> None:
    ref, out = logits(samples, disagree)
    assert compare(ref, out, recipe=INT8, trained=True).passed is passes


def test_agreement_gates_fp32_on_as_many_images_as_a_conversion_compares() -> None:
    ref, out = logits(128, 2)
    assert not compare(ref, out, recipe=RECIPES["fp32"], trained=True).passed


@pytest.mark.parametrize(("lost", "passes"), [(2, True), (3, False)])
def test_a_drop_in_task_top1_of_more_than_a_point_fails(lost: int, passes: bool) -> None:
    ref, out = logits(200, lost)
    report = compare(ref, out, recipe=INT8, trained=True, labels=[0] * 200)
    assert report.accuracy is not None and report.accuracy.reference_top1 == 1.0
    assert report.accuracy.lost == lost and report.passed is passes
    if not passes:
        assert report.failures == ("task top-1 drops by 1.50 points, the limit is 1",)


def test_sqnr_below_the_floor_fails_and_says_so() -> None:
    ref = np.ones((4, 2), np.float32)
    report = compare(ref, ref * 1.5, recipe=INT8, trained=False)
    assert report.failures == ("SQNR 6.0 dB, the floor is 20 dB",)


def test_one_map_below_the_floor_fails_and_is_named() -> None:
    ref = {f"stage{i}": np.ones((2, 3, 4, 5), np.float32) * 10**i for i in range(1, 5)}
    found = {name: x * (1.5 if name == "stage1" else 1.001) for name, x in ref.items()}
    report = result.compare_outputs(ref, found, recipe=INT8, trained=True)
    # All maps together have 60 dB, because the first map is a thousandth of the last.
    assert report.failures == ("stage1: SQNR 6.0 dB, the floor is 20 dB",)
    assert report.top1_agreement is None and report.samples == 2
    plain = msgspec.to_builtins(report.document(images="noise", runtime="here"))
    assert plain["min_top1_agreement"] is None and plain["sqnr_db"] == 6.02
    assert [output["sqnr_db"] for output in plain["outputs"]] == [6.02, 60.0, 60.0, 60.0]
    good = result.compare_outputs(ref, ref, recipe=INT8, trained=True)
    assert good.passed and good.max_abs == 0


def test_the_verdict_cannot_be_set_by_hand() -> None:
    report = compare(np.ones((1, 2)), np.ones((1, 2)), recipe=INT8, trained=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.sqnr_db = 99.0  # type: ignore[misc]
    assert "passed" not in {f.name for f in dataclasses.fields(result.ParityReport)}


def test_floors_are_those_of_the_contract() -> None:
    floors = {r.name: (r.min_sqnr_db, r.goal_sqnr_db) for r in RECIPES.values()}
    assert floors == {
        "fp32": (90, 110),
        "fp16": (50, 55),
        "int8": (20, 28),
        "int8-dynamic": (25, 32),
        "int8-weights": (25, 32),
        "palette6": (20, 28),  # these two are ours, the contract has none
        "palette4": (10, 16),
    }
    agreement = {r.name: r.min_top1_agreement for r in RECIPES.values()}
    assert agreement["int8"] == 0.97
    assert agreement["int8-dynamic"] == agreement["int8-weights"] == 0.98
