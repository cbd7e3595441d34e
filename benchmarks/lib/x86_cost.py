"""The estimate of cycles for an x86 core, by the method of slide_mobile.lab.cost.

There it can be held against real time. The core is a Zen 5 without AVX-512, as QEMU 7.2 emulates no
more than AVX2; LLVM 19 has no model of it, so Zen 4's stands for it. Prices of the inner caches are
assumed as for phones, half a line a cycle and a quarter. A line of main memory costs what was
measured on the machine of the published result, in a way that tinymembench's is: `memset` 8.5
cycles, and `memcpy` 5.8 more, at 4.36 GHz.
"""

import sys
import sysconfig
from pathlib import Path

from benchmarks.lib.file_cost import Processor
from slide_mobile.lab.cost.caches import Cache
from slide_mobile.lab.cost.emulation import Guest
from slide_mobile.lab.cost.llvm import Assembly

# With this environment the C library copies by the same code on both sides: neither by AVX-512, nor
# by `rep movsb`, whose time LLVM does not know.
VARIABLES = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-AVX512F,-AVX512VL"}

_X86_64 = Assembly(
    triple="x86_64",
    attributes="+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+adx",
    mark=b"\x90" * 15 + b"\xf4",  # an instruction that is cut short takes nops, not the mark
    # LLVM lets the stack pointer wait for the load of a pop; cores have it ready at once.
    substitutions=((r"popq\t(%\w+)", r"movq\t(%rsp), \1"),),
)
_KIB, _MIB = 1 << 10, 1 << 20
_CACHES = (
    Cache(bytes=48 * _KIB, ways=12, read=2, write=2),
    Cache(bytes=1 * _MIB, ways=16, read=4, write=4),
    Cache(bytes=32 * _MIB, ways=16, read=5.8, write=8.5),
)


def _guest(_: Path) -> Guest:
    """An x86 CPU without AVX-512, with this Python and its packages; has this environment, too."""
    return Guest(
        emulator="qemu-x86_64",
        options=("-cpu", "max", "-E", f"PYTHONPATH={sysconfig.get_path('purelib')}"),
        python=(str(Path(sys.base_prefix, f"bin/python3.{sys.version_info.minor}")),),
        sched_yield=24,
        clock_gettime=228,
    )


X86 = Processor(
    name="x86",
    guest=_guest,
    assembly=_X86_64,
    scheduled="znver4",
    caches=_CACHES,
)
