"""Run a lab's worker: a program that needs nothing of this project, in a process of its own.

Every worker has one contract (workers/litert.py): MODEL INPUTS.npy OUTPUTS.npz, and a line of JSON
on standard output. A worker may run in another Python, or on an emulated CPU.
"""

import os
import re
import signal
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError, Text
from slide_mobile.errors import SlideMobileError
from slide_mobile.isolation import limits

WORKERS = Path(__file__).with_name("workers")
MOST_CHARACTERS = 200  # of what a worker said at its end
_MOST_FILE_BYTES = 1 << 31  # a worker writes nothing but the outputs

# What numpy and zipfile raise for a file that is no archive, or a damaged or hostile one.
_UNREADABLE = (
    *(ValueError, TypeError, OSError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)

Arrays = Mapping[str, NDArray[np.generic]]


class Said(Struct, frozen=True, kw_only=True):
    """The worker's line of JSON: release of the runtime, what it ran on, and what it noticed."""

    release: Text
    device: Text = ""
    refused: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ran:
    """Outputs by name, (N, ...) in the file's layout, and what the worker said."""

    outputs: Arrays
    said: Said


class WorkerFailed(SlideMobileError):
    """The worker ended without outputs; the message is its last words."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A command that takes MODEL, INPUTS, OUTPUTS and `options`, and its time limit."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float

    def run(self, model: Path, inputs: NDArray[np.generic]) -> Ran:
        """Run a model file on inputs (N, ...); raises WorkerFailed."""
        with tempfile.TemporaryDirectory(prefix="slide-mobile-lab-") as folder:
            given, made = Path(folder, "inputs.npy"), Path(folder, "outputs.npz")
            np.save(given, inputs)
            files = (str(model.absolute()), str(given), str(made))
            done = self._run([*self.command, *files, *self.options], folder)
            if done.returncode != 0 or not made.is_file():
                raise WorkerFailed(last_words(done))
            return Ran(outputs=_outputs(made), said=_said(done.stdout))

    def _run(self, command: Sequence[str], folder: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=folder,
                env={**os.environ, **self.environment},
                timeout=self.seconds,
                preexec_fn=partial(limits.limited, _MOST_FILE_BYTES),
            )
        except subprocess.TimeoutExpired as error:
            raise WorkerFailed(f"it did not end within {self.seconds:.0f} s") from error
        except OSError as error:
            raise WorkerFailed(f"it cannot start: {error.strerror}") from error


def _outputs(made: Path) -> Arrays:
    """Read the arrays of a .npz file; raises WorkerFailed."""
    try:
        with np.load(made, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in archive.files}
    except _UNREADABLE as error:
        raise WorkerFailed(f"its outputs cannot be read: {error}"[:MOST_CHARACTERS]) from error


def _said(stdout: str) -> Said:
    """Read the last line of a worker's output; raises WorkerFailed."""
    lines = stdout.splitlines()
    try:
        return documents.decode(lines[-1].encode() if lines else b"", Said)
    except DocumentError as error:
        raise WorkerFailed(f"its last line cannot be read: {error}"[:MOST_CHARACTERS]) from error


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Why a process ended: its signal, or the last error that it printed."""
    lines = [line for line in done.stderr.split("\n") if line.strip()]
    errors = [line for line in lines if re.match(r"\w*(Error|Exception): ", line)]
    words = " ".join((errors or lines or ["it printed nothing"])[-1].split())
    if done.returncode < 0:
        words = f"{signal.Signals(-done.returncode).name}: {words}"
    return words[:MOST_CHARACTERS]
