"""The labs themselves, one of each family, where they are set up: `slide-mobile lab setup`."""

from collections.abc import Sequence

import pytest
from converted_once import ConvertedOnce

from slide_mobile.lab import catalogue, session
from slide_mobile.lab.labs import Lab
from slide_mobile.lab.verdict import Verdict

pytestmark = pytest.mark.slow


def lab(name: str) -> Lab:
    """The lab, or a reason to skip the test."""
    (found,) = catalogue.choose([name])
    if not catalogue.is_ready(found):
        pytest.skip(catalogue.command(name))
    return found


def verdicts(converted: ConvertedOnce, name: str, precision: str) -> Sequence[Verdict]:
    return session.run(converted("tflite", precision), [lab(name)], images=2).verdicts


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize(
    ("name", "executor"),
    [
        ("gpu", "GPU accelerator"),
        ("arm64-a76", "QEMU"),
        ("runtimes-2.14", "tflite-runtime 2.14.0"),
    ],
)
def test_a_file_computes_what_pytorch_computes(
    name: str, executor: str, precision: str, converted: ConvertedOnce
) -> None:
    found = verdicts(converted, name, precision)
    assert found
    for verdict in found:
        assert verdict.outcome == "passed", verdict
        assert verdict.repeatable and verdict.images == 2 and executor in verdict.executor


def test_the_kernels_for_arm_are_those_of_the_core(converted: ConvertedOnce) -> None:
    a53, a76 = (verdicts(converted, name, "int8")[0] for name in ("arm64-a53", "arm64-a76"))
    assert "QEMU" in a53.executor and "cortex-a53" in a53.executor and "cortex-a76" in a76.executor
    # An x86 rounds elsewhere: the same bits would mean that no kernel for Arm ran.
    assert a76.host_sqnr_db is not None and 30 < a76.host_sqnr_db < 200
