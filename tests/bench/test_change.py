"""Changes beside a baseline: their verdict is that of their numbers."""

import msgspec
import pytest

from slide_mobile.bench.change import BaselineComparison, Change

CHANGE = Change(
    artifact="a", device="d", p50_ms=1.06, baseline_ms=1.0, change_percent=6.0, passed=False,
    why=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "changes", "passed", "message"),
    [
        (7.0, (CHANGE,), False, "a: 'passed' contradicts its change of \\+6.00 %"),
        (5.0, (CHANGE,), True, "'passed' contradicts the changes"),
        (
            5.0,
            (msgspec.structs.replace(CHANGE, passed=True),),
            True,
            "'passed' contradicts its change",
        ),
    ],
)
def test_a_comparison_whose_verdict_is_not_that_of_its_numbers_cannot_be_built(
    limit: float, changes: tuple[Change, ...], passed: bool, message: str
) -> None:
    BaselineComparison(file="f", fail_over_percent=5.0, passed=False, changes=(CHANGE,))
    with pytest.raises(ValueError, match=message):
        BaselineComparison(file="f", fail_over_percent=limit, passed=passed, changes=changes)


@pytest.mark.parametrize("changes", [{"p50_ms": 2.0}, {"p50_ms": None}, {"baseline_ms": None}])
def test_a_change_that_is_not_that_of_its_medians_cannot_be_built(
    changes: dict[str, float | None],
) -> None:
    with pytest.raises(ValueError, match=r"a: its medians do not differ by \+6 %"):
        msgspec.structs.replace(CHANGE, **changes)


def test_a_change_in_turn_is_that_of_its_ratio() -> None:
    found = msgspec.structs.replace(CHANGE, ratio=1.02, change_percent=2.0, passed=True)
    assert found.slower_percent == pytest.approx(2)
    with pytest.raises(ValueError, match=r"a: its ratio does not differ by \+6 %"):
        msgspec.structs.replace(CHANGE, ratio=1.02)
