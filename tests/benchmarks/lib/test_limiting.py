"""A library that asks for AVX-512 does not find it, and everything else is as it was."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.lib import limiting
from slide_mobile.bench import host

TOOLS = all(map(shutil.which, ("cc", "objdump")))
HAS_AVX2 = any("avx2" in flags.split() for flags in host.cpuinfo("flags"))
needs_x86 = pytest.mark.skipif(
    not (TOOLS and HAS_AVX2), reason="Linux on an x86 with AVX2, gcc and binutils"
)
LISTING = """
   1000:\t53                   \tpush   %rbx
   1001:\t0f a2                \tcpuid
   1003:\t48 0f a2 00          \trex.W cpuid-like
  2ba7:\t0f a2                \tcpuid \n"""
MAPS = """\
7f10-7f20 r--p 00000000 08:01 1 /lib/libother.so
7f40-7f50 r-xp 00001000 08:01 2 /a/libmine.so
7f30-7f40 r--p 00000000 08:01 2 /a/libmine.so
"""
ASKS = """
#include <cpuid.h>
static unsigned regs[4];
unsigned ask(unsigned leaf, unsigned part, unsigned which)
{ __cpuid_count(leaf, part, regs[0], regs[1], regs[2], regs[3]); return regs[which]; }
"""
PROGRAM = """
import ctypes, sys
from pathlib import Path
from benchmarks.lib.limiting import limit
library = Path(sys.argv[1])
ask = ctypes.CDLL(str(library)).ask
ask.restype = ctypes.c_uint
def told():
    return [ask(0, 0, 1), ask(1, 0, 2), ask(7, 0, 1), ask(7, 0, 2), ask(7, 1, 0)]
before = told()
limit(library)
after = told()
print(*before, *after)
"""
AVX2, AVX512F, AVX512VL, VNNI = 1 << 5, 1 << 16, 1 << 31, 1 << 11


def test_cpuids_are_found_in_a_listing() -> None:
    assert limiting.cpuids(LISTING) == [0x1001, 0x2BA7]


def test_a_library_begins_at_its_first_mapping() -> None:
    assert limiting.loaded_at(Path("/a/libmine.so"), MAPS) == 0x7F30


@needs_x86
def test_a_library_is_told_of_no_avx512_and_the_rest_is_true(tmp_path: Path) -> None:
    (tmp_path / "asks.c").write_text(ASKS)
    library = tmp_path / "libasks.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "asks.c")]
    subprocess.run(command, check=True)
    run = [sys.executable, "-c", PROGRAM, str(library)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    words = [int(word) for word in done.stdout.split()]
    before, after = words[:5], words[5:]
    assert after[:2] == before[:2]  # the vendor, and the features of leaf 1
    assert after[2] & AVX2 and not after[2] & (AVX512F | AVX512VL)
    assert not after[3] & VNNI and after[4] == 0
    assert after[2] & ~before[2] == 0 and after[3] & ~before[3] == 0  # nothing is made up


@needs_x86
def test_a_library_without_cpuid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.c").write_text("int one(void) { return 1; }")
    library = tmp_path / "libnone.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "none.c")]
    subprocess.run(command, check=True)
    with pytest.raises(OSError, match=r"the cpuid instructions of libnone\.so cannot be replaced"):
        limiting.limit(library)
