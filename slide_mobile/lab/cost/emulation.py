"""Run a .tflite in QEMU under the plugin, and read what its operations executed."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.isolation import subprocesses
from slide_mobile.lab import debian
from slide_mobile.lab.cost import counting
from slide_mobile.lab.cost.caches import Cache
from slide_mobile.lab.cost.cores import Core
from slide_mobile.lab.cost.operations import Event, Operation, operations
from slide_mobile.lab.cost.parts import COUNTER, PLUGIN, libraries
from slide_mobile.lab.parts import ARM64
from slide_mobile.lab.process import WorkerFailed, last_words

_SECONDS = 7_200.0  # a large model takes minutes, on a busy machine an hour


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A processor that QEMU emulates, and how to start a Python with LiteRT on it.

    `emulator` is QEMU's file name; `sched_yield` and `clock_gettime` are numbers of system calls.
    """

    emulator: str
    options: tuple[str, ...]
    python: tuple[str, ...]
    sched_yield: int
    clock_gettime: int


def phone(core: Core, folder: Path) -> Guest:
    """A phone's core, whose /proc/cpuinfo is put into an empty folder.

    The folder becomes the guest's root: it links to everything else that is in the part's.
    """
    for entry in ARM64.root.iterdir():
        (folder / entry.name).symlink_to(entry)
    (folder / "proc").mkdir()
    (folder / "proc/cpuinfo").write_text(core.cpuinfo)
    root = ARM64.root
    return Guest(
        emulator="qemu-aarch64",
        options=(
            *("-cpu", core.emulated, "-L", str(folder)),
            *("-E", f"PYTHONHOME={root / 'usr'}", "-E", f"PYTHONPATH={root / 'site'}"),
        ),
        python=(str(root / "usr/bin/python3.11"),),
        sched_yield=124,
        clock_gettime=113,
    )


def on_phone(
    core: Core, caches: Sequence[Cache], program: Path, model: Path, image: NDArray[np.float32]
) -> list[Operation]:
    """What `record` returns, on a phone's core; without caches it is much faster."""
    with tempfile.TemporaryDirectory(prefix="slide-mobile-root-") as folder:
        return record(phone(core, Path(folder)), caches, program, model, image)


def record(
    guest: Guest, caches: Sequence[Cache], program: Path, model: Path, image: NDArray[np.float32]
) -> list[Operation]:
    """What the operations of one inference executed, in execution order.

    `program` is litert_profiler.py, and `image` an input of the model. Raises WorkerFailed.
    """
    with tempfile.TemporaryDirectory(prefix="slide-mobile-cost-") as name:
        counts, given = Path(name, "counts.txt"), Path(name, "input.npy")
        np.save(given, image)
        levels = (f"cache={cache.bytes}:{cache.ways}" for cache in caches)
        calls = (f"yield={guest.sched_yield}", f"clock={guest.clock_gettime}")
        plugin = ",".join([str(COUNTER.root / PLUGIN), f"out={counts}", *calls, *levels])
        command = (
            *(str(COUNTER.root / "usr/bin" / guest.emulator), "-plugin", plugin),
            *("-E", "LD_LIBRARY_PATH=", *guest.options, *guest.python),
            *("-B", "-P", str(program), str(model.absolute()), str(given)),
        )
        events = _events(_run(command))
        with counts.open() as lines:
            segments = counting.read(lines)
    try:
        return operations(events, segments)
    except ValueError as error:
        raise WorkerFailed(f"the plugin saw less than LiteRT reported: {error}") from error


def executor() -> str:
    """What emulates, for the document."""
    version = debian.version(COUNTER.root, "qemu-user").partition(":")[2].partition("+")[0]
    return f"QEMU {version}"


def _run(command: Sequence[str]) -> str:
    """What the guest printed."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=os.environ | libraries(COUNTER.root),
            preexec_fn=subprocesses.WITH_US,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkerFailed(f"it did not end within {_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise WorkerFailed(last_words(done))
    return done.stdout


def _events(printed: str) -> list[Event]:
    """The events in the last line that litert_profiler.py printed."""
    try:
        return [Event(name=name, microseconds=us) for name, us in json.loads(printed)]
    except ValueError as error:
        raise WorkerFailed(f"LiteRT's profile cannot be read: {error}") from error
