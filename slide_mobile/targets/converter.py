"""What a converter defines, what it is asked to convert, and how its files are run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact.manifest import Graph
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe
from slide_mobile.targets.profiles import RUNS, OperationTime
from slide_mobile.tasks import LOGITS, Layout, Outputs, Task, channels_last, output_names

if TYPE_CHECKING:  # importing slide_mobile must not import torch
    from torch.export import ExportedProgram

AUTHOR, LICENSE = "slide-mobile", "Apache-2.0"  # in the metadata of every model file

Logits = NDArray[np.float32]  # (num_classes,)
RawOutputs = Mapping[str, NDArray[np.generic]]  # by name, in the file's own type and layout


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an exported program is to be converted to.

    `backend` and `via` (the exporter) are names that the converter has. `title`, `description`,
    `version`, `facts` and `labels` go into the metadata of the file; `labels` are class names in
    the order of the logits, and empty for a task without logits. `calibration` holds images at the
    input size, and is empty where the recipe needs none. `float_modules` are module paths in the
    deploy form: these stay in float although the recipe would quantize them. `own_outputs` are the
    names of the outputs of a network of the user.
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
    own_outputs: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the file's outputs, in order."""
        return output_names(self.task) or self.own_outputs


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A loaded model file.

    `call` returns the outputs for one image by name, with the batch axis, maps in `layout`.
    `runtime` names what executes the file on this machine. `bind` prepares one input and returns
    the bare inference, for timing; it is None where the file is only evaluated, not run.
    """

    call: Callable[[Pixels], RawOutputs]
    runtime: str
    layout: Layout
    bind: Callable[[Pixels], Callable[[], object]] | None = None

    def __call__(self, image: Pixels) -> Logits:
        """(H, W, 3) bytes -> the logits of a classifier, (num_classes,)."""
        return self.outputs(image)[LOGITS][0]

    def outputs(self, image: Pixels) -> Outputs:
        """(H, W, 3) bytes -> outputs by name: logits (1, num_classes), or maps (1, H, W, C)."""
        return {
            name: np.asarray(channels_last(x, self.layout), np.float32)
            for name, x in self.call(image).items()
        }


class Converter(Protocol):
    """What the package of a target defines at its top level."""

    @property
    def SUFFIX(self) -> str:
        """Suffix of the model file, with its dot."""

    @property
    def RUNTIME(self) -> tuple[str, str]:
        """Name of the runtime in benchmarks, and the distribution that contains it."""

    @property
    def LAYOUT(self) -> Layout:
        """Layout of the input image and of all maps in the file."""

    @property
    def BACKENDS(self) -> Mapping[str, tuple[str, ...]]:
        """Precisions of each backend; the first backend and its first precision are defaults."""

    @property
    def EXPORTERS(self) -> Mapping[str, tuple[str, ...]]:
        """Distributions that each exporter uses, for the manifest; the first is the default."""

    @property
    def MAX_RANK(self) -> int:
        """Highest tensor rank that the target's accelerators take."""

    def input_dtype(self, recipe: Recipe) -> Literal["float32", "float16", "uint8"]:
        """Element type of the image input."""

    def output_dtype(self, recipe: Recipe) -> Literal["float32", "float16"]:
        """Element type of every output."""

    def convert(self, program: "ExportedProgram", request: Request, path: Path) -> None:
        """Write the model file.

        Raises ValueError for a module in `request.float_modules` that the recipe leaves in float.
        """

    def inspect(self, path: Path) -> Graph:
        """Facts about the graph, read from the written file; raises ArtifactError."""

    def precision(self, path: Path) -> str:
        """The precision of the file, found from what is in it; raises ArtifactError."""

    def misread(self, path: Path) -> Sequence[str]:
        """Operations of the file that an accelerator is known to take and compute wrongly."""

    def runner(self, path: Path, *, threads: int | None = None) -> Runner:
        """The file, loaded on the closest thing to its runtime that this machine has.

        `threads` is the number of CPU threads, one a core if None. Raises ArtifactError.
        """

    def half_runner(self, path: Path) -> Runner:
        """A file of precision fp16, run with the result of every operation rounded to fp16.

        Values over 65504 become infinite. Where `runner` computes so by itself, both are named
        alike. Raises ArtifactError.
        """

    def activations(self, path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the convolutions and linears in the file for one image, by module path."""

    def ranges(self, path: Path) -> Mapping[str, tuple[float, float]]:
        """(lowest, highest) value of the int8 outputs of dense layers, by module path."""

    def profile(
        self, path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
    ) -> Sequence[OperationTime]:
        """Median time of each operation; raises NoProfiler where the runtime does not tell."""


def require_quantized(float_modules: Collection[str], quantized: Collection[str]) -> None:
    """Raise ValueError for a module to keep in float that would stay in float anyway."""
    if unknown := sorted(set(float_modules) - set(quantized)):
        raise ValueError(
            f"cannot keep modules in float that are not quantized: {', '.join(unknown)}"
        )
