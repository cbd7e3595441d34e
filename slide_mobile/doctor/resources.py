"""Memory and disk: what is free here, and what a conversion takes."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# The most that a conversion of slide_swin_tiny took, with any target (2.65 GB for tflite and onnx,
# benchmarks/results/targets.json), and what slide_swin_base, thrice as large, is given.
TINY_BYTES, BASE_BYTES = 2_700_000_000, 6_000_000_000
# slide_swin_base in fp32 is 350 MB, as exported program, as staged file, and in its folder.
DISK_BYTES = 1_500_000_000

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Something that runs out; `free_bytes` is None where this system does not tell."""

    kind: Literal["memory", "disk"]
    where: str
    free_bytes: int | None
    needed_bytes: int
    purpose: str
    command: str

    @property
    def enough(self) -> bool:
        """Whether it lasts, as far as is known."""
        return self.free_bytes is None or self.free_bytes >= self.needed_bytes


def survey(*, environments: Path, environment_bytes: int) -> tuple[Resource, ...]:
    """Memory, and the disks of the output, of temporary files, and of environments to be made.

    `environment_bytes` is what the environments take that have not been made, below that folder.
    """
    free = free_memory()
    found = [
        Resource(
            kind="memory",
            where="",
            free_bytes=free,
            needed_bytes=needed,
            purpose=purpose,
            command="close other programs, or convert one model at a time",
        )
        for needed, purpose in (
            (TINY_BYTES, "to convert slide_swin_tiny"),
            (BASE_BYTES, "to convert slide_swin_base"),
        )
    ]
    folders = [
        (
            _current_folder(),
            DISK_BYTES,
            "for artifacts, in the current folder",
            "convert with --out ELSEWHERE",
        ),
        (_temporary_folder(), DISK_BYTES, "for temporary files", "export TMPDIR=ELSEWHERE"),
    ]
    if environment_bytes:
        folders.append(
            (
                environments,
                environment_bytes,
                "for the environments that are missing",
                "export SLIDE_MOBILE_ENVIRONMENTS=ELSEWHERE",
            )
        )
    found += [
        Resource(
            kind="disk",
            where=str(folder),
            free_bytes=_free_disk(folder),
            needed_bytes=needed,
            purpose=purpose,
            command=command,
        )
        for folder, needed, purpose, command in folders
    ]
    return tuple(found)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was deleted
        return Path()


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written: the disk is full
        return Path(os.environ.get("TMPDIR", "/tmp"))


def free_memory() -> int | None:
    """Bytes that a new process can have, None where this system does not tell."""
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
    """What this process's control group has left (version 2), None without a limit.

    Files that the kernel keeps in memory, and drops when someone needs it, are counted as used.
    """
    try:
        most = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return max(0, most - used + int(stat["inactive_file"]))
    except (OSError, ValueError, KeyError):  # no such file, or "max"
        return None


def _macos() -> int | None:
    """Half of the memory: macOS keeps hardly any free, and gives it when asked."""
    command = ("sysctl", "-n", "hw.memsize")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
        return int(done.stdout) // 2
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _free_disk(folder: Path) -> int | None:
    """Of the nearest folder that exists."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free if os.access(folder, os.W_OK) else 0
    except PermissionError:
        return 0
    except OSError:
        return None
