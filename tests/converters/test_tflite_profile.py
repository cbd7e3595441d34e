"""The profile of a .tflite file: every operation that XNNPACK ran, and whose it was."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

import slide_mobile
from benchmarks.profile import BETWEEN, OpTime, aligned, grouped, profile
from slide_mobile.errors import SlideMobileError
from slide_mobile_converters.tflite.operations import parse


def test_operations_that_were_dropped_or_merged_leave_the_others_in_step() -> None:
    ops = ["CONV_2D", "MUL", "SUM", "RESHAPE", "MUL", "ADD"]
    assert aligned(["CONV_2D", "SUM", "MUL", "ADD"], ops) == [0, 2, 4, 5]


def test_an_added_operation_belongs_to_what_follows_it() -> None:
    assert aligned(["ADD", "COPY", "MUL", "COPY"], ["ADD", "MUL"]) == [0, 1, 1, 1]


def test_modules_are_summed_to_a_depth() -> None:
    times = [OpTime(name="A", module=m, microseconds=1.0) for m in ("0.attn.q", "0.attn.k", "")]
    assert [(t.name, t.count, t.microseconds) for t in grouped(times, depth=2)] == [
        ("0.attn", 2, 2.0),
        ("(model)", 1, 1.0),
    ]


def test_a_litert_without_a_profiler_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with pytest.raises(SlideMobileError, match=r"^no profiler: .* 2\.2 has$"):
        profile(tmp_path / "none.tflite")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slide_mobile.convert(
        "slide_swin_test",
        untrained=True,
        target="tflite",
        precision="fp32",
        out=tmp_path_factory.mktemp("profile"),
    ).model_path


@pytest.mark.slow
def test_every_linear_is_timed_and_has_its_module(file: Path) -> None:
    times = profile(file, runs=3)
    subgraphs, _ = parse(file.read_bytes())
    linears = [t for t in times if t.name.startswith("Fully Connected")]
    assert len(linears) == sum(op.name == "FULLY_CONNECTED" for op in subgraphs[0])
    assert sum(t.microseconds for t in times) > 0
    assert times[-1].name == BETWEEN
    assert {"1.0.mlp.fc1", "1.0.mlp.fc2"} <= {t.module for t in linears}


@pytest.mark.slow
def test_the_command_prints_the_sums_as_json(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profile", str(file), "--runs", "2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    assert any(row["name"].startswith("Fully Connected") for row in rows)
    assert [r["microseconds"] for r in rows] == sorted(r["microseconds"] for r in rows)[::-1]


@pytest.mark.slow
def test_a_file_that_litert_cannot_read_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profile", str(tmp_path / "none.tflite")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: LiteRtCreateModelFromFile failed")
