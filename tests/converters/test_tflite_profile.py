"""The profile of a .tflite file: every operation that XNNPACK ran, and whose it was."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from converted_once import ConvertedOnce

from slide_mobile.targets.profiles import BETWEEN, NoProfiler, OperationTime, grouped
from slide_mobile_converters.tflite.operations import parse
from slide_mobile_converters.tflite.profile import aligned, profile

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def test_operations_that_were_dropped_or_merged_leave_the_others_in_step() -> None:
    ops = ["CONV_2D", "MUL", "SUM", "RESHAPE", "MUL", "ADD"]
    assert aligned(["CONV_2D", "SUM", "MUL", "ADD"], ops) == [0, 2, 4, 5]


def test_an_added_operation_belongs_to_what_follows_it() -> None:
    assert aligned(["ADD", "COPY", "MUL", "COPY"], ["ADD", "MUL"]) == [0, 1, 1, 1]


def test_modules_are_summed_to_a_depth() -> None:
    times = [
        OperationTime(name="A", module=m, microseconds=1.0) for m in ("0.attn.q", "0.attn.k", "")
    ]
    assert [(t.name, t.count, t.microseconds) for t in grouped(times, depth=2)] == [
        ("0.attn", 2, 2.0),
        ("(model)", 1, 1.0),
    ]


def test_a_litert_without_a_profiler_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with pytest.raises(NoProfiler, match=r"^no profiler: .* 2\.2 has it$"):
        profile(tmp_path / "none.tflite", PIXELS)


def test_a_file_that_litert_cannot_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NoProfiler, match=r"^no profile: LiteRtCreateModelFromFile"):
        profile(tmp_path / "none.tflite", PIXELS)


@pytest.mark.slow
def test_every_linear_is_timed_and_has_its_module(converted: ConvertedOnce) -> None:
    file = converted("tflite", "fp32").model_path
    times = profile(file, PIXELS, runs=3)
    subgraphs, _ = parse(file.read_bytes())
    linears = [t for t in times if t.name.startswith("Fully Connected")]
    assert len(linears) == sum(op.name == "FULLY_CONNECTED" for op in subgraphs[0])
    assert sum(t.microseconds for t in times) > 0
    assert times[-1].name == BETWEEN
    assert {"1.0.mlp.fc1", "1.0.mlp.fc2"} <= {t.module for t in linears}


@pytest.mark.slow
def test_a_backbone_with_four_outputs_is_timed_too(converted: ConvertedOnce) -> None:
    artifact = converted("tflite", "fp32", task="features")
    times = profile(artifact.model_path, PIXELS, runs=3)
    assert sum(t.microseconds for t in times) > 0
