"""What a lab is: an executor with a name, what it proves, and what it leaves open."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab.parts import Part
from slide_mobile.lab.process import Ran
from slide_mobile.lab.verdict import Arithmetic
from slide_mobile.recipes import Weights, lookup

Inputs = NDArray[np.generic]  # (N, ...) in the file's layout and type


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One way to run a file: its arithmetic, its floors, and the call.

    `max_loss_db` is how much lower than on this machine's own runtime the SQNR against PyTorch may
    be, and `min_host_db` the lowest SQNR against that runtime; None where there is no such floor.
    `run` raises WorkerFailed. `executor` names what ran, after the run.
    """

    arithmetic: Arithmetic
    min_sqnr_db: float
    max_loss_db: float | None = None
    min_host_db: float | None = None
    run: Callable[[ArtifactFolder, Inputs], Ran]
    executor: Callable[[Ran], str]


@dataclass(frozen=True, kw_only=True)
class Lab:
    """An executor that is not this machine's own runtime.

    It runs files for `targets`, those with `weights` of this kind alone if it is not None.
    `executions` lists the ways in which it runs one of them.
    """

    name: str
    targets: tuple[str, ...]
    proves: str
    leaves_open: str
    weights: Weights | None = None
    parts: tuple[Part, ...] = ()
    environments: tuple[str, ...] = ()
    executions: Callable[[Manifest], tuple[Execution, ...]]

    def takes(self, target: str, precision: str) -> bool:
        """Whether it runs files for a target in a precision; raises UnknownName."""
        kind = lookup(precision).weights
        return target in self.targets and self.weights in (None, kind)
