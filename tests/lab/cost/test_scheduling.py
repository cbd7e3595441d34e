"""Cycles of an operation from those of its blocks and windows."""

from collections import Counter

import pytest

from slide_mobile.lab.cost import scheduling
from slide_mobile.lab.cost.operations import Operation

LOOP, ENTRY, RARE = b"looploop", b"entr", b"rare"


def operation(blocks: dict[bytes, int], *windows: tuple[bytes, ...]) -> Operation:
    return Operation(
        name="Add", instructions=10, blocks=Counter(blocks), windows=windows, traffic=()
    )


def test_blocks_are_summed() -> None:
    op = operation({LOOP: 100, ENTRY: 3})
    assert scheduling.of_operation(op, {LOOP: 2.5, ENTRY: 4.0}, {}) == 262.0


def test_code_without_known_cycles_costs_what_the_rest_does_for_a_byte() -> None:
    op = operation({LOOP: 1, RARE: 2})
    assert scheduling.of_operation(op, {LOOP: 3.0}, {}) == 6.0
    assert scheduling.of_operation(operation({RARE: 2}), {LOOP: 3.0}, {}) == 10.0


def test_windows_correct_the_sum() -> None:
    window = (ENTRY, LOOP, LOOP)
    op = operation({LOOP: 100, ENTRY: 50}, window)
    found = scheduling.of_operation(op, {LOOP: 2.0, ENTRY: 6.0}, {window: 5.0})
    assert found == pytest.approx(500.0 / 2)


def test_a_window_with_an_unknown_block_is_left_out() -> None:
    assert scheduling.known([(LOOP, RARE), (LOOP,)], {LOOP: 1.0}) == [(LOOP,)]


def test_windows_are_taken_from_the_whole_operation() -> None:
    windows = [(bytes([number]),) for number in range(80)]
    found = scheduling.spread(windows)
    assert [window[0][0] for window in found] == [5, 15, 25, 35, 45, 55, 65, 75]
    assert scheduling.spread(windows[:3]) == windows[:3] and scheduling.spread([]) == []


def test_the_hottest_blocks_cover_the_executed_code() -> None:
    executions = Counter({LOOP: 1_000_000, ENTRY: 10_000, RARE: 1})
    assert scheduling.hottest(executions) == [LOOP, ENTRY]
    assert scheduling.hottest(Counter()) == []
