"""Counts of instructions: what is a change, and what is said about it."""

import pytest
from msgspec.structs import replace

from benchmarks.arm64_counts import candidates
from benchmarks.lib.pages import ROOT
from benchmarks.lib.results.arm64_counts import Counted, Counts, change, table
from benchmarks.lib.results.document import read

COMMITTED = read(ROOT / "benchmarks/results/arm64_counts.json", Counts)
ROW = Counted(model="m", precision="int8", instructions=10_000, kinds={"ADD": 4_000, "MUL": 6_000})


def after(**kinds: int) -> Counted:
    return replace(ROW, instructions=sum(kinds.values()), kinds=kinds)


@pytest.mark.parametrize(("added", "is_change"), [
    (0, False), (100, False), (-100, False), (101, True), (-101, True),
])  # fmt: skip
def test_one_per_cent_more_or_fewer_is_no_change(added: int, is_change: bool) -> None:
    assert (change(ROW, after(ADD=4_000, MUL=6_000 + added)) is not None) is is_change


def test_the_same_number_in_other_operations_is_a_change() -> None:
    line = change(ROW, after(ADD=3_900, MUL=6_100))
    assert line == "m int8: 10,000 instructions, +0.0%; ADD -100, MUL +100"


def test_a_change_is_named_with_the_operations_that_changed_most() -> None:
    line = change(ROW, after(ADD=3_500, MUL=6_000, PAD=2_500))
    assert line == "m int8: 12,000 instructions, +20.0%; PAD +2,500, ADD -500, MUL +0"


def test_every_file_is_counted_and_its_kinds_are_all_of_it() -> None:
    wanted = [(found.model, found.precision) for found in candidates()]
    assert [(row.model, row.precision) for row in COMMITTED.rows] == wanted
    assert all(sum(row.kinds.values()) == row.instructions for row in COMMITTED.rows)
    assert all(f"{row.instructions / 1e6:.2f}" in table(COMMITTED) for row in COMMITTED.rows)
