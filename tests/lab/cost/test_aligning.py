"""Segments between clock readings find their operations by time."""

import pytest

from slide_mobile.lab.cost.aligning import aligned


def test_an_operation_that_ran_several_operators_has_all_their_segments() -> None:
    assert aligned([30, 70, 20], [30, 40, 29, 20]) == [range(0, 1), range(1, 3), range(3, 4)]


def test_segments_that_belong_to_no_operation_are_passed_over() -> None:
    assert aligned([30, 20], [500, 30, 900, 20, 7]) == [range(1, 2), range(3, 4)]


def test_clocks_that_disagree_by_some_microseconds_change_nothing() -> None:
    times = [100, 3, 2, 90, 4, 4]
    assert aligned([t + 1.0 for t in times], times) == [range(i, i + 1) for i in range(6)]


def test_no_operation_has_no_segment() -> None:
    assert aligned([], [5, 6]) == []


def test_more_operations_than_segments_are_refused() -> None:
    with pytest.raises(ValueError, match="3 operations, but 2 segments"):
        aligned([1, 1, 1], [1, 2])
