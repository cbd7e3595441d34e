"""The labs themselves, one of each family, where they are set up."""

import pytest
from converted_once import ConvertedOnce

from slide_mobile.lab import catalogue, session
from slide_mobile.parity.metrics import EXACT_DB


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "precision", "executor"),
    [
        ("gpu", "tflite", "fp32", "GPU accelerator"),
        ("arm64-a76", "tflite", "int8", "-cpu cortex-a76"),
        ("arm64-a710", "executorch", "fp32", "XNNPACK, arm64 under QEMU (-cpu cortex-a710)"),
        ("runtimes-2.14", "tflite", "fp32", "tflite-runtime 2.14.0"),
    ],
)
def test_a_file_computes_what_pytorch_computes(
    name: str, target: str, precision: str, executor: str, converted: ConvertedOnce
) -> None:
    (lab,) = catalogue.choose([name])
    if not catalogue.is_ready(lab):
        pytest.skip(catalogue.command(name))
    found = session.run(converted(target, precision), [lab], images=1).verdicts
    assert found
    for verdict in found:
        assert verdict.outcome == "passed", verdict
        assert verdict.repeatable and verdict.images == 1 and executor in verdict.executor
        # Kernels of another CPU or GPU round elsewhere: the same bits would be this machine's own.
        assert verdict.host_sqnr_db is not None
        assert verdict.host_sqnr_db < EXACT_DB or name.startswith("runtimes")
