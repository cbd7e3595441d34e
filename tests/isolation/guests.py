"""Functions that tests call in a child process, and what they do to it."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.errors import ToolchainMissing, UnknownName
from slide_mobile.isolation import isolated
from slide_mobile.progress import Progress, silent


@isolated()
def process(path: Path) -> int:
    return os.getpid()


@isolated()
def doubled(path: Path, values: NDArray[np.float32], *, progress: Progress = silent) -> object:
    progress("double", 0.5)
    return {"values": values * 2, "inner": process(path), "own": os.getpid()}


@isolated()
def killed(path: Path, number: int, *, progress: Progress = silent) -> None:
    progress("read the third image")
    os.kill(os.getpid(), number)


@isolated()
def left(path: Path, status: int) -> None:
    os._exit(status)


@isolated()
def grown(path: Path) -> None:
    kept = []
    while True:
        kept.append(np.ones(1 << 24, np.uint8))


@isolated(seconds=1)
def hung(path: Path) -> None:
    time.sleep(3600)


@isolated()
def written(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@isolated()
def unknown(path: Path) -> None:
    raise UnknownName("model", "x" * 100, ["swin", "pvt"])


@isolated()
def missing(path: Path) -> None:
    raise ToolchainMissing("tflite", "litert", "no such file")


@isolated()
def broken(path: Path) -> None:
    class Local(Exception):
        """One that cannot be copied."""

    raise Local("odd")


@isolated()
def interrupted(path: Path) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"
