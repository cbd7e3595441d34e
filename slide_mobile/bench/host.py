"""The machine that measures: its name, its load, its memory, and Intel's AMX switched off.

Measurements here are made on one core, without instructions that phones have nothing like. Intel's
AMX multiplies int8 matrices many times faster than fp32 ones, and XNNPACK in LiteRT uses it. The
dot products of a phone's Arm core (SDOT) are four times faster than its fp32 arithmetic, and so are
those of AVX-512 (VNNI). With AMX, everything but int8 products would look slow.
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
_ARCH_PRCTL, _REQUEST_PERMISSION, _AMX = 158, 0x1023, 18
_CALL, _FIRST_ARGUMENT = 0, 16  # bytes into struct seccomp_data


class _Instruction(ctypes.Structure):
    """struct sock_filter of linux/filter.h."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("operand", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("start", ctypes.POINTER(_Instruction)))


def cpu() -> str:
    """The processor's name."""
    names = _lines("model name")
    return names[0] if names else platform.processor()


def has_amx() -> bool:
    """Whether XNNPACK may use AMX in this process; asks Linux for it as XNNPACK does."""
    return _supports_amx() and bool(
        ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _AMX) == 0
    )


def renounce_amx() -> None:
    """Deny AMX to this process and its children; call it before any of them has asked for it.

    XNNPACK asks Linux for AMX when it first looks at the processor, and does without it if Linux
    says no: a seccomp filter denies that one request. Raises OSError where it cannot be set.
    """
    if not _supports_amx():
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


def _supports_amx() -> bool:
    """Whether the processor multiplies int8 matrices in AMX."""
    return any("amx_int8" in flags.split() for flags in _lines("flags"))


def _lines(key: str) -> list[str]:
    """The values that the kernel lists under a key, one per core."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(key)]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Seconds since the machine started, summed over all cores.

    `busy` is time spent working, `stolen` time that a hypervisor gave to other guests. `throttled`
    counts how often a core was slowed down because of heat (None where Linux does not count it).
    """

    busy: float
    stolen: float
    throttled: int | None


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident memory of this process, now and at its peak."""

    resident_bytes: int
    peak_bytes: int


def activity() -> Activity | None:
    """What /proc/stat counts; None on systems without it."""
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


def memory() -> Memory | None:
    """What /proc says of this process; None on systems without it.

    `getrusage` will not do: on Linux its peak includes what the process was before `exec`.
    """
    if not _STATUS.exists():
        return None
    lines = (line.split() for line in _STATUS.read_text().splitlines())
    found = {line[0]: 1024 * int(line[1]) for line in lines if line[0] in {"VmRSS:", "VmHWM:"}}
    return Memory(resident_bytes=found["VmRSS:"], peak_bytes=found["VmHWM:"])


def device() -> str:
    """The vendor's name for the machine, or its architecture."""
    try:
        return _PRODUCT.read_text(errors="replace").strip() or platform.machine()
    except OSError:
        return platform.machine()


def memory_bytes() -> int | None:
    """Memory of the whole machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
