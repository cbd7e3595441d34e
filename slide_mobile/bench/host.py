"""The machine that measures: its name, its load and its memory."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_CPUINFO, _STAT, _STATUS = Path("/proc/cpuinfo"), Path("/proc/stat"), Path("/proc/self/status")
_CORES, _THROTTLED = Path("/sys/devices/system/cpu"), "cpu*/thermal_throttle/core_throttle_count"
_PRODUCT = Path("/sys/devices/virtual/dmi/id/product_name")


def cpu() -> str:
    """The processor's name."""
    names = cpuinfo("model name")
    return names[0] if names else platform.processor()


def cpuinfo(key: str) -> list[str]:
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
