"""What the benchmarks take from the machine that they run on."""

import platform
from pathlib import Path

import pytest

from slide_mobile.bench import host


def test_the_processor_has_a_name() -> None:
    assert host.cpu()


def test_a_machine_that_its_vendor_did_not_name_has_its_architectures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "product_name"
    monkeypatch.setattr(host, "_PRODUCT", path)
    assert host.device() == platform.machine()
    path.write_text(" \n")
    assert host.device() == platform.machine()
    path.write_text("A machine\n")
    assert host.device() == "A machine"


def test_memory_is_that_of_this_program() -> None:
    if (found := host.memory()) is None:
        pytest.skip("no /proc")
    assert 1e6 < found.resident_bytes <= found.peak_bytes
