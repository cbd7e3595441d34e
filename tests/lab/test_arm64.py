"""How a file runs on an Arm core: in which arithmetic, and against which floors."""

from pathlib import Path
from typing import Any

import pytest
from converted_once import ConvertedOnce
from lab_artifacts import IMAGES, made

from slide_mobile.lab import catalogue, session
from slide_mobile.lab.labs import Execution
from slide_mobile.lab.process import WorkerFailed


def execution(root: Path, lab: str, **changes: Any) -> Execution:
    """The only way in which a lab runs an artifact whose manifest has these fields."""
    (chosen,) = catalogue.choose([lab])
    (found,) = chosen.executions(made(root, **changes).manifest)
    return found


@pytest.mark.parametrize(
    ("lab", "fields", "arithmetic", "floors"),
    [
        ("arm64-a76", ("tflite", "fp32", "litert"), "fp32", (90, 100)),
        ("arm64-a76", ("tflite", "int8", "litert"), "fp32", (20, 30)),
        ("arm64-a76", ("tflite", "fp16", "litert"), "fp32", (50, 100)),
        # The hint is for cores that have fp16.
        ("arm64-a76", ("tflite", "fp32", "litert-fp16"), "fp16", (50, None)),
        ("arm64-a53", ("tflite", "fp32", "litert-fp16"), "fp32", (90, 100)),
        # A .pte in fp16 is never computed in fp32.
        ("arm64-a76", ("executorch", "fp16", "xnnpack"), "fp16", (50, None)),
        ("arm64-a53", ("executorch", "fp16", "xnnpack"), "fp16", (50, None)),
        ("arm64-a76", ("executorch", "fp32", "xnnpack"), "fp32", (90, 100)),
        ("arm64-a76", ("executorch", "int8", "xnnpack"), "fp32", (20, 30)),
    ],
)
def test_the_arithmetic_is_the_core_s_and_the_floors_follow_it(
    lab: str,
    fields: tuple[str, str, str],
    arithmetic: str,
    floors: tuple[float, float | None],
    tmp_path: Path,
) -> None:
    target, precision, backend = fields
    found = execution(tmp_path / "a", lab, target=target, precision=precision, backend=backend)
    assert (found.arithmetic, (found.min_sqnr_db, found.min_host_db)) == (arithmetic, floors)


def test_a_delegate_of_another_system_is_refused(tmp_path: Path) -> None:
    artifact = made(tmp_path / "a", target="executorch", precision="fp16", backend="coreml")
    (lab,) = catalogue.choose(["arm64-a76"])
    (found,) = lab.executions(artifact.manifest)
    with pytest.raises(WorkerFailed, match="has no coreml delegate"):
        found.run(artifact, IMAGES)


@pytest.mark.slow
def test_a_pte_in_fp16_runs_in_fp16_or_is_refused(converted: ConvertedOnce) -> None:
    labs = catalogue.choose(["arm64-a53", "arm64-a76"])
    if not all(map(catalogue.is_ready, labs)):
        pytest.skip(catalogue.command("arm64"))
    artifact = converted("executorch", "fp16")
    without, having = session.run(artifact, labs, images=1).verdicts
    assert (without.outcome, without.sqnr_db) == ("refused", None)
    assert without.why.endswith("xnn_status_unsupported_hardware")
    # The core adds up in fp16, this machine in fp32. Random weights may miss the floor by that.
    assert having.arithmetic == "fp16" and having.repeatable
    assert having.sqnr_db is not None and having.sqnr_db > 40
    assert having.host_sqnr_db is not None and having.host_sqnr_db < 90
