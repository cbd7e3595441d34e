"""What the measurements are made on: one core, without instructions that phones have no like of.

Intel's AMX tiles multiply int8 matrices many times faster than fp32 ones, and XNNPACK in LiteRT
uses them. The dot products of a phone's Arm core (SDOT) are four times faster than its fp32, as are
those of AVX-512 (VNNI). With tiles all that is not a product in int8 looks dear.
"""

import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO, _STAT, _STATUS = Path("/proc/cpuinfo"), Path("/proc/stat"), Path("/proc/self/status")
_CORES, _THROTTLED = Path("/sys/devices/system/cpu"), "cpu*/thermal_throttle/core_throttle_count"
_PRODUCT = Path("/sys/devices/virtual/dmi/id/product_name")

# linux/prctl.h, linux/seccomp.h, linux/bpf_common.h, asm/prctl.h and the system calls of x86-64.
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050001  # with EPERM
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILES = 158, 0x1023, 18
_CALL, _FIRST_ARGUMENT = 0, 16  # bytes into struct seccomp_data


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("operand", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("start", ctypes.POINTER(_Instruction)))


def cpu() -> str:
    """Its name."""
    names = _lines("model name")
    return names[0] if names else platform.processor()


def tiles() -> bool:
    """Whether XNNPACK may use AMX in this process; asks for it as XNNPACK does."""
    return _has_tiles() and bool(
        ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILES) == 0
    )


def renounce_tiles() -> None:
    """Refuse AMX to this process and its children, before the first of them has asked for it.

    XNNPACK asks Linux for the tiles when it first looks at the processor, and does without where
    it gets none: a seccomp filter answers that one request. Raises OSError where it cannot be set.
    """
    if not _has_tiles():
        return
    steps = (
        _Instruction(_LOAD, 0, 0, _CALL),
        _Instruction(_JUMP_IF_EQUAL, 0, 3, _ARCH_PRCTL),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _Instruction(_JUMP_IF_EQUAL, 0, 1, _REQUEST_PERMISSION),
        _Instruction(_RETURN, 0, 0, _DENY),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    )
    program = _Program(len(steps), (_Instruction * len(steps))(*steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0
        or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0
    ):
        raise OSError(ctypes.get_errno(), "cannot take AMX from this process")


def _has_tiles() -> bool:
    return any("amx_int8" in flags.split() for flags in _lines("flags"))


def _lines(key: str) -> list[str]:
    """What the kernel says of each core under a key."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(key)]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Seconds that all cores together have worked since the machine started, and been stolen.

    `stolen` is what a hypervisor gave to others, `throttled` how often a core was slowed for heat
    (None where Linux does not count it).
    """

    busy: float
    stolen: float
    throttled: int | None


def activity() -> Activity | None:
    """From /proc/stat; None on systems without it."""
    if not _STAT.exists():
        return None
    user, nice, system, _, _, irq, softirq, stolen = map(int, _STAT.read_text().split()[1:9])
    tick = os.sysconf("SC_CLK_TCK")
    counters = [int(path.read_text()) for path in _CORES.glob(_THROTTLED)]
    return Activity(
        busy=(user + nice + system + irq + softirq) / tick,
        stolen=stolen / tick,
        throttled=sum(counters) if counters else None,
    )


def resident_bytes() -> tuple[int, int] | None:
    """Memory of this process, now and at its highest; None on systems without /proc.

    Not `getrusage`: Linux counts there what the process was before it became this program.
    """
    if not _STATUS.exists():
        return None
    lines = (line.split() for line in _STATUS.read_text().splitlines())
    found = {line[0]: 1024 * int(line[1]) for line in lines if line[0] in {"VmRSS:", "VmHWM:"}}
    return found["VmRSS:"], found["VmHWM:"]


def device() -> str:
    """What the vendor calls the machine, or its architecture."""
    try:
        return _PRODUCT.read_text(errors="replace").strip() or platform.machine()
    except OSError:
        return platform.machine()


def memory_bytes() -> int | None:
    """Of the whole machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
