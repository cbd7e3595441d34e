"""Memory and disk: how much is free here, and how much a conversion needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import scratch

# The highest peak of a conversion of slide_swin_tiny (2.65 GB for tflite and onnx, see
# benchmarks/results/targets.json), and an allowance for slide_swin_base, which is three times as
# large.
TINY_BYTES, BASE_BYTES = 2_700_000_000, 6_000_000_000
# slide_swin_base in fp32 is 350 MB, and is on the disk up to three times: as the exported program,
# the staged file and the artifact.
DISK_BYTES = 1_500_000_000

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


class Resource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Memory or a disk; `free_bytes` is None where this system does not report it."""

    kind: Literal["memory", "disk"]
    where: str
    free_bytes: int | None
    needed_bytes: int
    purpose: str
    command: str
    enough: bool  # also where `free_bytes` is unknown


def survey(*, cache: Path, cache_bytes: int) -> tuple[Resource, ...]:
    """Memory, and the disks for artifacts, for temporary files, and for the cache folder.

    `cache_bytes` is the size of the environments and parts of labs that are missing in `cache`.
    """
    free = free_memory()
    smaller = "close other programs, or convert one model at a time"
    found = [
        _resource("memory", "", free, TINY_BYTES, "to convert slide_swin_tiny", smaller),
        _resource("memory", "", free, BASE_BYTES, "to convert slide_swin_base", smaller),
        _disk(
            _current_folder(),
            DISK_BYTES,
            "for artifacts in the current folder",
            "convert with --out ELSEWHERE",
        ),
        _disk(_temporary_folder(), DISK_BYTES, "for temporary files", "export TMPDIR=ELSEWHERE"),
    ]
    if cache_bytes:
        purpose = "for the environments and labs that are missing"
        command = "export SLIDE_MOBILE_ENVIRONMENTS=ELSEWHERE"
        found.append(_disk(cache, cache_bytes, purpose, command))
    return tuple(found)


def _disk(folder: Path, needed: int, purpose: str, command: str) -> Resource:
    """Space on the disk of a folder."""
    return _resource("disk", str(folder), _free_disk(folder), needed, purpose, command)


def _resource(
    kind: Literal["memory", "disk"],
    where: str,
    free: int | None,
    needed: int,
    purpose: str,
    command: str,
) -> Resource:
    """A resource that is enough, or too small, for a purpose."""
    return Resource(
        kind=kind,
        where=where,
        free_bytes=free,
        needed_bytes=needed,
        purpose=purpose,
        command=command,
        enough=free is None or free >= needed,
    )


def _current_folder() -> Path:
    """The current folder, or "." if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:  # the folder was deleted
        return Path()


def _temporary_folder() -> Path:
    """The folder for temporary files, also where it cannot be written."""
    try:
        return scratch.outer()
    except FileNotFoundError:  # no folder is writable: the disk is full
        return Path(os.environ.get("TMPDIR", "/tmp"))


def free_memory() -> int | None:
    """Bytes that a new process can have, or None where this system does not report them."""
    if sys.platform == "darwin":
        return _macos()
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None
    limit = _container_limit()
    return free if limit is None else min(free, limit)


def _container_limit() -> int | None:
    """Bytes left to this process's control group (version 2), or None without a limit.

    The group's usage includes cached files, which the kernel drops under pressure: they count as
    free here.
    """
    try:
        most = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return max(0, most - used + int(stat["inactive_file"]))
    except (OSError, ValueError, KeyError):  # no such file, or "max"
        return None


def _macos() -> int | None:
    """Half of the memory: macOS shows hardly any as free, and frees it on demand."""
    command = ("sysctl", "-n", "hw.memsize")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
        return int(done.stdout) // 2
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _free_disk(folder: Path) -> int | None:
    """Free bytes on the disk of a folder, 0 where it cannot be written, None if unknown."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free if os.access(folder, os.W_OK) else 0
    except PermissionError:
        return 0
    except OSError:
        return None
