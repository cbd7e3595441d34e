"""ExecuTorch .pte, delegated to XNNPACK or to Core ML."""

import platform
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from slide_mobile.artifact.manifest import Graph
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, Runner
from slide_mobile.targets.profiles import NoProfiler, OperationTime
from slide_mobile.targets.quiet import quiet
from slide_mobile.tasks import LOGITS, Outputs

with quiet():
    from slide_mobile_converters.executorch import (
        graph,
        late,
        lowering,
        metadata,
        payload,
        probe,
        running,
    )

SUFFIX = ".pte"
RUNTIME = ("executorch", "executorch")
LAYOUT: Literal["NCHW"] = "NCHW"
BACKENDS = {
    "xnnpack": ("fp32", "fp16", "int8", "int8-dynamic"),
    "coreml": ("fp16", "fp32"),
}
ROADS = {"executorch": ("executorch", "torch", "torchao")}
MAX_RANK = graph.MAX_RANK
_COMPUTED_BY = {payload.XNNPACK: "XNNPACK", payload.COREML: "Core ML", None: "portable kernels"}


def input_dtype(recipe: Recipe) -> Literal["float32", "float16"]:
    """The delegates compute in the type of the input; float16 holds 0..255 exactly."""
    return "float16" if recipe.weights == "float16" else "float32"


def output_dtype(recipe: Recipe) -> Literal["float32", "float16"]:
    """Of every output: that of the input."""
    return input_dtype(recipe)


def convert(program: ExportedProgram, request: Request, path: Path) -> None:
    """Quantise, lower, attach metadata, write."""
    (example,) = program.example_inputs[1].values()
    with quiet():
        program = lowering.in_format(program, request)
        constants = metadata.describe(
            request,
            shape=example.shape,
            dtype=input_dtype(request.recipe),
            modules=list(lowering.modules(program)),
        )
        if request.backend == "coreml":
            path.write_bytes(late.coreml().lower(program, request.recipe, constants))
        else:
            path.write_bytes(lowering.lower(program, constants))


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Run with ExecuTorch's runtime; a Core ML delegate is evaluated where there is no Core ML.

    Raises UsageError for `threads` that are neither 1 nor a thread a core.
    """
    file = payload.read(path)
    delegate = payload.first_delegate(file)
    evaluated = delegate == payload.COREML and platform.system() != "Darwin"
    compute: Callable[[torch.Tensor], Sequence[Any]]
    if evaluated:
        coreml = late.coreml()
        with payload.artifact_errors(path):
            compute = partial(coreml.outputs, coreml.mil(file))
        runtime = coreml.EVALUATED
    else:
        compute = running.Loaded(path.read_bytes(), path, threads=threads)
        by = _COMPUTED_BY.get(delegate, delegate)
        runtime = f"ExecuTorch {metadata.RELEASE}, {by}"

    names = payload.constants(file).get(metadata.OUTPUTS, (LOGITS,))

    def run(image: Pixels) -> Outputs:
        with payload.artifact_errors(path):
            found = compute(running.tensor(file, image))
            if len(found) != len(names):
                raise ValueError(f"it gives {len(found)} outputs, not only {', '.join(names)}")
            return {name: np.asarray(x) for name, x in zip(names, found, strict=True)}

    def bind(image: Pixels) -> Callable[[], object]:
        return partial(compute, running.tensor(file, image))

    return Runner(call=run, runtime=runtime, layout=LAYOUT, bind=None if evaluated else bind)


def inspect(path: Path) -> Graph:
    """Re-read the program and the graphs of its delegates."""
    return graph.inspect(path)


def profile(
    path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Raise NoProfiler: to the event tracer, a delegate is one operation."""
    raise NoProfiler(
        "executorch's package is built without XNNPACK's profiler, and times a delegate as one"
    )


def activations(path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
    """Outputs of the file's convolutions and linears, by module path."""
    return probe.activations(path, image)


def ranges(path: Path) -> Mapping[str, tuple[float, float]]:
    """What the int8 outputs of convolutions and linears can hold, by module path."""
    return probe.ranges(path)
