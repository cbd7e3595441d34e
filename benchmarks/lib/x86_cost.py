"""The estimate of cycles for an x86 core, by the method of slide_mobile.lab.cost.

There it can be held against real time. The core is a Zen 5 without AVX-512, as QEMU 7.2 emulates no
more than AVX2; LLVM 19 has no model of it, so Zen 4's stands for it. Prices of the inner caches are
assumed as for phones, half a line a cycle and a quarter. A line of main memory costs what was
measured on the machine of the published result, in a way that tinymembench's is: `memset` 8.5
cycles, and `memcpy` 5.8 more, at 4.36 GHz.
"""

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lib.results.document import Row, read, save
from slide_mobile.artifact.documents import NonNegative, Text
from slide_mobile.lab.cost import caches, emulation, scheduling
from slide_mobile.lab.cost.caches import Cache
from slide_mobile.lab.cost.emulation import Guest
from slide_mobile.lab.cost.llvm import Assembly
from slide_mobile.targets import registry
from slide_mobile.targets.profiles import ProfiledElsewhere

SCHEDULED = "znver4"
# With this environment the C library copies by the same code on both sides: neither by AVX-512, nor
# by `rep movsb`, whose time LLVM does not know.
VARIABLES = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-AVX512F,-AVX512VL"}

X86_64 = Assembly(
    triple="x86_64",
    attributes="+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+adx",
    mark=b"\x90" * 15 + b"\xf4",  # an instruction that is cut short takes nops, not the mark
)
_KIB, _MIB = 1 << 10, 1 << 20
CACHES = (
    Cache(bytes=48 * _KIB, ways=12, read=2, write=2),
    Cache(bytes=1 * _MIB, ways=16, read=4, write=4),
    Cache(bytes=32 * _MIB, ways=16, read=5.8, write=8.5),
)


class OperationEstimate(Row, frozen=True, kw_only=True):
    """Cycles of an operation: those of computing, and those of memory on top."""

    name: Text
    compute_cycles: NonNegative
    memory_cycles: NonNegative


class FileEstimate(Row, frozen=True, kw_only=True):
    """The operations of one inference of a file, in execution order; kept beside it."""

    operations: tuple[OperationEstimate, ...]


def estimated(path: Path, image: NDArray[np.float32]) -> tuple[OperationEstimate, ...]:
    """The operations of one inference of a .tflite, in execution order; raises WorkerFailed.

    What was found is kept beside the file, and used again.
    """
    kept = path.with_name(f"{path.name}.x86.json")
    if not kept.exists():
        save(kept, FileEstimate(operations=tuple(_estimated(path, image))))
    return read(kept, FileEstimate).operations


def _estimated(path: Path, image: NDArray[np.float32]) -> Iterator[OperationEstimate]:
    converter = registry.load("tflite")
    assert isinstance(converter, ProfiledElsewhere)
    ran = emulation.record(guest(), CACHES, converter.PROFILER, path, image)
    compute = scheduling.cycles(ran, X86_64, SCHEDULED)
    for operation, cycles in zip(ran, compute, strict=True):
        yield OperationEstimate(
            name=operation.name,
            compute_cycles=round(cycles),
            memory_cycles=round(caches.cycles(operation.traffic, CACHES)),
        )


def guest() -> Guest:
    """An x86 CPU without AVX-512, with this Python and its packages; has this environment, too."""
    return Guest(
        emulator="qemu-x86_64",
        options=("-cpu", "max", "-E", f"PYTHONPATH={sysconfig.get_path('purelib')}"),
        python=(str(Path(sys.base_prefix, f"bin/python3.{sys.version_info.minor}")),),
        sched_yield=24,
        clock_gettime=228,
    )
