"""AMX is asked for as XNNPACK asks, and refused to a process that measures."""

import subprocess
import sys

import pytest

from slide_mobile.bench import amx, host

ASK = "from slide_mobile.bench import amx; amx.renounce(); print(amx.available())"


@pytest.mark.skipif(not amx.available(), reason="this machine has no AMX")
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
    amx.renounce()
    assert host.cpu() == "A chip" and not amx.available()
