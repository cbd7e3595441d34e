"""The estimate against real time: errors, the table, the picture, and the two sides of a file."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks import cost_validation
from benchmarks.lib import cost_picture
from benchmarks.lib.file_cost import OperationEstimate
from benchmarks.lib.operation_times import Fastest
from benchmarks.lib.results.cost_validation import (
    CostValidation,
    FileRow,
    errors,
    factor,
    pairs,
    ratio_errors,
    table,
)
from benchmarks.lib.results.files import Candidate
from tests.benchmarks.benchmark_rows import ENVIRONMENT

CANDIDATE = Candidate(model="m", form="deploy", target="tflite", precision="fp32", size=(224, 224))


def row(*operations: tuple[str, float, float, int], whole: int) -> FileRow:
    """A file of operations: name, cycles of computing and of memory, real microseconds."""
    guesses = [
        OperationEstimate(name=name, compute_cycles=compute, memory_cycles=memory)
        for name, compute, memory, _ in operations
    ]
    names = tuple(name for name, *_ in operations)
    times = tuple(us for *_, us in operations)
    return cost_validation.row(CANDIDATE, guesses, Fastest(names, times, whole))


FILES = (
    row(("Add", 90e3, 10e3, 100), ("Mul", 300e3, 0, 200), ("Pad", 5, 5, 3), whole=400),
    row(("Add", 150e3, 50e3, 200), whole=200),
    row(("Mul", 400e3, 0, 400), whole=440),
)
RESULT = CostValidation(
    environment=ENVIRONMENT, executed_by="QEMU", simulated_by="llvm", shortest_us=20, files=FILES
)


def test_a_file_has_all_cycles_and_its_long_operations() -> None:
    assert FILES[0].cycles == 400_010 and FILES[0].memory_cycles == 10_005
    assert [operation.name for operation in FILES[0].operations] == ["Add", "Mul"]
    assert FILES[0].operations[0].microseconds == 100


def test_two_sides_with_different_operations_are_no_comparison() -> None:
    guess = OperationEstimate(name="Add", compute_cycles=1, memory_cycles=0)
    with pytest.raises(ValueError, match="QEMU and this machine ran different operations"):
        cost_validation.row(CANDIDATE, [guess], Fastest(("Mul",), (30,), 30))


def test_one_factor_makes_times_of_cycles() -> None:
    found = [(100.0, 10.0), (210.0, 20.0), (90.0, 10.0), (600.0, 50.0), (800.0, 80.0)]
    assert factor(found) == 10.0
    said = errors(found, 10.0)
    assert said.count == 5 and said.median == pytest.approx(0.05)
    assert said.worst == pytest.approx(0.2) and 0.1 <= said.ninth <= 0.2
    assert said.rank == pytest.approx(0.975, abs=0.001)  # the two of 10 are equally long


def test_estimates_in_the_wrong_order_have_a_negative_rank_correlation() -> None:
    assert errors([(1, 3), (2, 2), (3, 1)], 1.0).rank == pytest.approx(-1)


def test_ratios_need_no_factor() -> None:
    said = ratio_errors([(100.0, 1.0), (200.0, 2.0), (330.0, 3.0)])
    assert said.count == 3 and said.worst == pytest.approx(1 - 1 / 1.1)


def test_memory_can_be_left_out() -> None:
    assert pairs(FILES[1:2]) == [(200e3, 200)]
    assert pairs(FILES[1:2], memory=False) == [(150e3, 200)]


def test_the_table_has_the_errors_the_models_and_the_kinds() -> None:
    text = table(RESULT)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert "1000 estimated cycles are a microsecond" in text and "estimate" in text
    assert ["whole models", "3", "0 %", "7 %", "9 %", "0.500"] in lines
    assert ["m", "deploy", "`fp32`", "0.44", "0.40", "-9 %"] in lines
    mul = next(cells for cells in lines if cells[0] == "Mul")
    assert mul == ["Mul", "2", "67 %", "1.00", "1.22", "1.50"]


def test_the_picture_has_a_dot_for_each_operation_and_model() -> None:
    picture = ElementTree.fromstring(cost_picture.scatter(RESULT))
    dots = list(picture.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(dots) == 4 + 3
    by_class = {dot.attrib["class"] for dot in dots}
    assert by_class == {"faint", "ours"}
    told = [dot[0].text or "" for dot in dots]
    assert "Mul: 200 µs, estimated 300 µs" in told
    exact = next(dot for dot in dots if (dot[0].text or "").startswith("Add: 100 µs"))
    slow = next(dot for dot in dots if (dot[0].text or "").startswith("Mul: 200 µs"))
    # One is on the line of equal times, the other above it.
    assert _above(exact) == pytest.approx(0, abs=0.2) and _above(slow) > 5


def _above(dot: ElementTree.Element) -> float:
    """How many pixels a dot lies above the line."""
    left, bottom = cost_picture.LEFT, cost_picture.TOP + cost_picture.SIDE
    return (bottom - float(dot.attrib["cy"])) - (float(dot.attrib["cx"]) - left)
