"""Assembly texts and cycles from LLVM's tools."""

import pytest

from slide_mobile.lab.cost import llvm
from slide_mobile.lab.cost.llvm import AARCH64, AARCH64_IN_ORDER
from slide_mobile.lab.cost.parts import LLVM
from slide_mobile.lab.process import WorkerFailed

PRINTED = "\t.text\n\tadd\tx0, x0, #1\n\thlt\t#0\n\n\tret\n\tnop\n\tnop\n\thlt\t#0\n\thlt\t#0\n"
REPORT = """
{"CodeRegions": [
  {"Instructions": ["x"], "Name": "3", "SummaryView": {"Iterations": 4, "TotalCycles": 10}},
  {"Instructions": [], "Name": "12", "SummaryView": {"Iterations": 100, "TotalCycles": 100}}],
 "TargetInfo": {"CPUName": "neoverse-n1"}}
"""
FMLA = bytes.fromhex("20cc224e")  # fmla v0.4s, v1.4s, v2.4s
ADD = bytes.fromhex("00040091")  # add x0, x0, #1
needs_llvm = pytest.mark.skipif(not LLVM.is_made, reason="slide-mobile lab setup cost")


def test_texts_end_at_marks_and_padding_is_dropped() -> None:
    assert llvm.split(PRINTED) == ["\tadd\tx0, x0, #1\n", "\tret\n", ""]


def test_cycles_of_one_iteration_are_read() -> None:
    assert llvm.read(REPORT) == {3: 2.5, 12: 1.0}


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(WorkerFailed, match="llvm-mca printed something else: it is not JSON"):
        llvm.read("error: no assembly instructions found.")


@needs_llvm
def test_code_is_disassembled_block_by_block() -> None:
    first, unknown, last = llvm.disassemble([FMLA + ADD, b"\xff" * 4, ADD], AARCH64)
    assert first.split() == ["fmla", "v0.4s,", "v1.4s,", "v2.4s", "add", "x0,", "x0,", "#1"]
    assert unknown == "" and last.split() == ["add", "x0,", "x0,", "#1"]


@needs_llvm
def test_a_chain_of_additions_takes_a_cycle_each_and_one_of_products_their_latency() -> None:
    texts = llvm.disassemble([ADD * 8, FMLA * 8], AARCH64)
    found = llvm.simulate([*texts, ""], AARCH64, "neoverse-n1", iterations=100)
    assert sorted(found) == [0, 1]
    assert found[0] == pytest.approx(8, rel=0.05)
    assert found[1] == pytest.approx(32, rel=0.05)  # an A76 forwards sums in 2; LLVM has 4


@needs_llvm
def test_in_order_an_address_that_is_advanced_does_not_wait_for_the_data() -> None:
    load = bytes.fromhex("2004c13c")  # ldr q0, [x1], #16
    vector = bytes.fromhex("60729f0c")  # ld1 { v0.8b }, [x19], #8
    for code in (load, vector):
        (text,) = llvm.disassemble([code * 8], AARCH64_IN_ORDER)
        found = llvm.simulate([text], AARCH64_IN_ORDER, "cortex-a55", iterations=100)
        assert found[0] == pytest.approx(8, rel=0.05)


@needs_llvm
def test_a_call_costs_a_branch_not_its_body() -> None:
    found = llvm.simulate(["\tbl\tf\n\tadd\tx0, x0, #1\n"], AARCH64, "neoverse-n1", iterations=100)
    assert found[0] < 3


@needs_llvm
def test_an_unknown_core_is_refused() -> None:
    with pytest.raises(WorkerFailed, match="llvm-mca: "):
        llvm.simulate(["\tret\n"], AARCH64, "cortex-z9", iterations=1)
