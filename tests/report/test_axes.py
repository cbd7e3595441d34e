"""Axes: round ticks that lie inside, and scales that hold their values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slide_mobile.report.axes import Scale, around, round_values

VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda x: round(x, 3))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.93, 1.02, [0.94, 0.96, 0.98, 1.0, 1.02]),
        (-7, 7, [-5, -2.5, 0, 2.5, 5]),
        (99.0, 99.08, [99.0, 99.02, 99.04, 99.06, 99.08]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert round_values(low, high, 5) == pytest.approx(expected)


@given(VALUES, VALUES, st.integers(1, 12))
def test_ticks_lie_inside_and_are_not_many(a: float, b: float, count: int) -> None:
    low, high = sorted((a, b))
    ticks = round_values(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert len(ticks) <= 3 * count + 2


@given(st.lists(VALUES, min_size=1, max_size=5), st.booleans())
def test_a_scale_puts_values_inside(values: list[float], zero: bool) -> None:
    low, high = around(values, zero=zero and min(values) >= 0)
    scale = Scale(low=low, high=high, start=40, end=900)
    assert low < high
    assert all(40 <= scale(value) <= 900 for value in values)
