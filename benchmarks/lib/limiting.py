"""A processor without AVX-512 for one library of this process, as QEMU emulates it; Linux, x86-64.

XNNPACK asks `cpuid` which instructions there are. A program may not be given other answers, so the
library's `cpuid` instructions are replaced: limit.c. objdump finds them, as their two bytes also
stand within other instructions.
"""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing

_SOURCE = Path(__file__).with_name("limit.c")
_MAPS = Path("/proc/self/maps")


def limit(library: Path) -> None:
    """Load a library, and take AVX-512 away from it before it asks for it.

    Raises EnvironmentMissing (no compiler or objdump) and OSError.
    """
    ctypes.CDLL(str(library))
    base = loaded_at(library, _MAPS.read_text())
    addresses = [base + offset for offset in cpuids(_tool("objdump", "-d", str(library)))]
    limiter = _compiled()
    given = (ctypes.c_void_p * len(addresses))(*addresses)
    if not addresses or limiter.limit(given, ctypes.c_size_t(len(addresses))) != 0:
        raise OSError(f"the cpuid instructions of {library.name} cannot be replaced")


def cpuids(listing: str) -> list[int]:
    """Offsets of the cpuid instructions in what `objdump -d` printed."""
    rows = (line.split("\t") for line in listing.splitlines())
    return [int(row[0].rstrip(": "), 16) for row in rows if row[2:] and row[2].strip() == "cpuid"]


def loaded_at(library: Path, maps: str) -> int:
    """Where a library begins in this process, from /proc/self/maps."""
    starts = (line.partition("-")[0] for line in maps.splitlines() if line.endswith(str(library)))
    return min(int(start, 16) for start in starts)


def _compiled() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "limit.so")
        _tool("cc", "-O2", "-shared", "-fPIC", "-o", str(made), str(_SOURCE))
        return ctypes.CDLL(str(made))


def _tool(name: str, *arguments: str) -> str:
    """What a program prints."""
    path = shutil.which(name)
    if path is None:
        raise EnvironmentMissing(f"{name} is needed, and is not here; install gcc and binutils")
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout
