"""What a converter defines, what it is asked for, and what runs its files."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact.manifest import Graph
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe
from slide_mobile.targets.profiles import OperationTime
from slide_mobile.tasks import LOGITS, Layout, Outputs, Task, channels_last

if TYPE_CHECKING:  # importing slide_mobile must not import torch
    from torch.export import ExportedProgram

Logits = NDArray[np.float32]  # (num_classes,)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to convert an exported program to, by names that the converter has.

    `calibration` holds images at input size and is empty where the recipe needs none. `labels` are
    those of the task "classify", whose only output the logits are, and empty for others. `title`,
    `description`, `version` and `facts` go into the file's own metadata where the format has such.
    `float_modules` are paths in the deploy form: modules that a quantised format would take, and
    that stay in float.
    """

    recipe: Recipe
    backend: str
    via: str
    labels: tuple[str, ...]
    title: str
    description: str
    version: str
    facts: Mapping[str, str]
    calibration: Sequence[Pixels] = ()
    float_modules: Collection[str] = ()
    task: Task = "classify"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A loaded model file; `runtime` says what executes it here.

    `call` gives the file's outputs by name, batch included, its maps in the file's `layout`.
    `bind` prepares the input and returns the inference alone, to be timed; None where nothing here
    runs the file, which then has no latency.
    """

    call: Callable[[Pixels], Mapping[str, NDArray[Any]]]
    runtime: str
    layout: Layout
    bind: Callable[[Pixels], Callable[[], object]] | None = None

    def __call__(self, image: Pixels) -> Logits:
        """(H, W, 3) bytes -> (num_classes,), of a classifier."""
        return self.outputs(image)[LOGITS][0]

    def outputs(self, image: Pixels) -> Outputs:
        """(H, W, 3) bytes -> logits (1, num_classes), or maps (1, H, W, C), by name."""
        return {
            name: np.asarray(channels_last(x, self.layout), np.float32)
            for name, x in self.call(image).items()
        }


class Converter(Protocol):
    """What a converter file defines at module level."""

    @property
    def SUFFIX(self) -> str:
        """Of the model file, with its dot."""

    @property
    def RUNTIME(self) -> tuple[str, str]:
        """What runs the file, as measurements call it, and the distribution that it comes in."""

    @property
    def LAYOUT(self) -> Layout:
        """Of the image input, and of the maps of the deploy form."""

    @property
    def BACKENDS(self) -> Mapping[str, tuple[str, ...]]:
        """To precisions it can honour; the default ones first."""

    @property
    def ROADS(self) -> Mapping[str, tuple[str, ...]]:
        """Into the file, to distributions that touch it then; the default one first."""

    @property
    def MAX_RANK(self) -> int:
        """Of a tensor, beyond which its accelerators refuse the graph."""

    def input_dtype(self, recipe: Recipe) -> Literal["float32", "float16", "uint8"]:
        """Of the file's image input."""

    def output_dtype(self, recipe: Recipe) -> Literal["float32", "float16"]:
        """Of the file's outputs."""

    def convert(self, program: "ExportedProgram", request: Request, path: Path) -> None:
        """Write the model file; raises ValueError for float modules that it would not quantise."""

    def runner(self, path: Path, *, threads: int | None = None) -> Runner:
        """Load the model file on the closest thing to its runtime that this machine has.

        `threads` is how many it may use where it can be told, a thread a core if None.
        """

    def inspect(self, path: Path) -> Graph:
        """State what the written file holds."""

    def profile(
        self, path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
    ) -> Sequence[OperationTime]:
        """Time each operation, by its median; raises NoProfiler if the runtime does not say."""

    def activations(self, path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the convolutions and linears in the file, by module path, for one image."""

    def ranges(self, path: Path) -> Mapping[str, tuple[float, float]]:
        """(lowest, highest) that their int8 outputs can hold, as calibrated, by module path."""


def require_found(float_modules: Collection[str], quantised: Collection[str]) -> None:
    """Raise ValueError if one of the modules is not among those that would be quantised."""
    if unknown := sorted(set(float_modules) - set(quantised)):
        raise ValueError(f"to stay in float, but nothing would quantise them: {', '.join(unknown)}")
