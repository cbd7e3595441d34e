"""Estimates of files are kept beside them, for the processor that they were made for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from converted_once import ConvertedOnce

from benchmarks.lib import file_cost
from benchmarks.lib.file_cost import OperationEstimate, Processor
from benchmarks.lib.isolation import alone
from benchmarks.lib.operation_times import fastest_limited
from benchmarks.lib.x86_cost import VARIABLES, X86
from slide_mobile.bench import host
from slide_mobile.lab.cost import cores
from slide_mobile.lab.cost.parts import PARTS

IMAGE = np.zeros((1, 4, 4, 3), np.float32)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the processors that were emulated, each with an estimate of 3 + 4 cycles."""
    names: list[str] = []

    def operations(processor: Processor, path: Path, image: object) -> Iterator[OperationEstimate]:
        names.append(processor.name)
        yield OperationEstimate(name="Add", compute_cycles=3, memory_cycles=4)

    monkeypatch.setattr(file_cost, "operations", operations)
    return names


@pytest.fixture(autouse=True)
def tflite() -> None:
    """The parts of the lab hold the release of LiteRT."""
    pytest.importorskip("ai_edge_litert")


def test_an_estimate_is_made_once(asked: list[str], tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    for _ in range(2):
        assert file_cost.estimated(X86, path, IMAGE).cycles == 7
    file_cost.estimated(file_cost.phone("a76"), path, IMAGE)
    assert asked == ["x86", "a76"]


def test_another_model_of_a_core_makes_it_again(asked: list[str], tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    file_cost.estimated(X86, path, IMAGE)
    file_cost.estimated(replace(X86, scheduled="haswell"), path, IMAGE)
    assert asked == ["x86", "x86"]


@pytest.mark.parametrize("name", cores.CORES)
def test_a_phones_core_is_the_one_of_the_lab(name: str) -> None:
    found, core = file_cost.phone(name), cores.choose(name)
    assert (found.scheduled, found.caches) == (core.scheduled, core.caches)
    assert bool(found.assembly.substitutions) == core.in_order


@pytest.mark.slow
def test_qemu_and_this_machine_run_the_same_operations_and_agree_on_what_is_long(
    converted: ConvertedOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all(part.is_made for part in PARTS) or not host.cpuinfo("flags"):
        pytest.skip("slide-mobile lab setup cost, on an x86")
    artifact = converted("tflite", "fp32")
    path = tmp_path / "m.tflite"
    path.write_bytes(artifact.model_path.read_bytes())
    for name, text in VARIABLES.items():
        monkeypatch.setenv(name, text)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype(np.float32)
    guess = file_cost.estimated(X86, path, image)
    (real,) = alone(fastest_limited, [path], [image], 20).result()
    assert tuple(each.name for each in guess.operations) == real.names
    cycles = [each.compute_cycles + each.memory_cycles for each in guess.operations]
    assert np.corrcoef(cycles, real.operations)[0, 1] > 0.8
    # An x86 core computes at 2 to 6 GHz, and LLVM's model is of another core than this.
    assert 1_000 < guess.cycles / real.whole < 20_000
