"""What the benchmarks take from the machine that they run on."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from slide_mobile.bench import host

ASK = "from slide_mobile.bench import host; host.renounce_amx(); print(host.has_amx())"


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


@pytest.mark.skipif(not host.has_amx(), reason="this machine has no AMX")
def test_a_process_that_renounces_amx_gets_none_nor_do_its_children() -> None:
    code = f"import subprocess, sys; {ASK}; subprocess.run([sys.executable, '-c', {ASK!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]


def test_a_machine_without_amx_has_none_to_renounce(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("model name : A chip\nflags : sse2 avx512f\n")
    monkeypatch.setattr(host, "_CPUINFO", flags)
    host.renounce_amx()
    assert host.cpu() == "A chip" and not host.has_amx()


def test_memory_is_that_of_this_program() -> None:
    if (found := host.memory()) is None:
        pytest.skip("no /proc")
    assert 1e6 < found.resident_bytes <= found.peak_bytes
