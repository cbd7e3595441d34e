"""Core ML .mlpackage by coremltools, run by Core ML on a Mac and by mil_evaluator elsewhere."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch.export import ExportedProgram

from slide_mobile.artifact.manifest import Graph
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, Runner
from slide_mobile.targets.profiles import NoProfiler, OperationTime
from slide_mobile_converters.coreml import graph, package, probe
from slide_mobile_converters.coreml.lowering import lower

SUFFIX = ".mlpackage"
RUNTIME = ("coremltools", "coremltools")
LAYOUT: Literal["NCHW"] = "NCHW"
# fp16 first: it is what the Neural Engine computes in.
BACKENDS = {"mlprogram": ("fp16", "fp32", "int8", "int8-weights", "palette6", "palette4")}
ROADS = {"coremltools": ("coremltools", "torch")}
MAX_RANK = 4  # Core ML takes 5 (coremltools 9), the Neural Engine 4


def input_dtype(recipe: Recipe) -> Literal["uint8"]:
    """Of the image input: an RGB image of 8 bits a channel in every precision."""
    return "uint8"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Of every output, in every precision."""
    return "float32"


def convert(program: ExportedProgram, request: Request, path: Path) -> None:
    """Write a package for iOS 17: class label, probabilities and logits, or the maps of stages."""
    with tempfile.TemporaryDirectory() as scratch:
        model = lower(program, request, Path(scratch) / f"model{SUFFIX}")
        package.describe(model.spec, request, model.modules)
        package.write(model.spec, model.weights, path)


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Run with Core ML on macOS; elsewhere evaluate, which `Runner.runtime` says.

    Core ML chooses its threads by itself, and an evaluation has no latency to speak of.
    """
    return probe.runner(path)


def inspect(path: Path) -> Graph:
    """Re-read the package."""
    return graph.inspect(path)


def profile(
    path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Raise NoProfiler: Xcode's performance report shows them, coremltools does not."""
    raise NoProfiler("coremltools gives no times of operations; Xcode's performance report does")


def activations(path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
    """Outputs of the package's convolutions and linears, by module path."""
    return probe.activations(path, image)


def ranges(path: Path) -> Mapping[str, tuple[float, float]]:
    """What the int8 outputs of convolutions and linears can hold, by module path."""
    return probe.ranges(path)
