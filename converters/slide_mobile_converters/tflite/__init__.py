"""LiteRT .tflite by litert-torch, quantised by ai-edge-quantizer, run by LiteRT with XNNPACK."""

import contextlib
import importlib.metadata
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch.export import ExportedProgram

from slide_mobile.artifact.manifest import Graph
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, Runner
from slide_mobile.targets.profiles import OperationTime
from slide_mobile.tasks import Outputs
from slide_mobile_converters.tflite import graph, metadata, onnx2tf, probe
from slide_mobile_converters.tflite import profile as profiler
from slide_mobile_converters.tflite.quantization import quantize

if importlib.util.find_spec("litert_torch") is None:  # imported late, missed early
    raise ModuleNotFoundError("No module named 'litert_torch'", name="litert_torch")

SUFFIX = ".tflite"
RUNTIME = ("litert", "ai-edge-litert")
LAYOUT: Literal["NHWC"] = "NHWC"
_RECIPES = ("fp32", "fp16", "int8", "int8-dynamic", "int8-weights")
# "xnnpack-fp16" adds the hint by which XNNPACK computes in fp16 on phones that can (Armv8.2).
BACKENDS = {"xnnpack": _RECIPES, "xnnpack-fp16": _RECIPES}
_PACKAGES = ("ai-edge-litert", "ai-edge-quantizer", "torch")
ROADS = {
    "litert": (*_PACKAGES, "litert-converter", "litert-torch"),
    "onnx": (*_PACKAGES, "onnx", "onnx2tf", "onnxscript"),
}
MAX_RANK = graph.MAX_RANK


def input_dtype(recipe: Recipe) -> Literal["float32"]:
    """Of the image input: float32 in every precision."""
    return "float32"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Of every output, in every precision."""
    return "float32"


def convert(program: ExportedProgram, request: Request, path: Path) -> None:
    """Lower, quantise, attach metadata, write."""
    if request.via == "onnx" and request.task != "classify":
        raise UsageError(f"--via onnx converts classifiers only, not {request.task}: leave it out")
    inputs = [image[None].astype(np.float32) for image in request.calibration]
    kept = set(request.float_modules)
    if request.via == "onnx":
        lowered = onnx2tf.lower(program)
        if unnamed := sorted(kept - set(onnx2tf.module_weights(program).values())):
            raise GateFailed(
                f"int8 misses its floor, and this road cannot give back {', '.join(unnamed)}: "
                "it tells modules apart by their weights; use --via litert"
            )
    else:
        lowered, names = lower(program), probe.traced(program, task=request.task)
        kept = {names.get(path, path) for path in kept}
    model = quantize(lowered, request.recipe, inputs, float_modules=kept)
    description = metadata.Description(
        name=request.title,
        description=request.description,
        version=request.version,
        author="slide-mobile",
        license="Apache-2.0",
        labels=request.labels,
        fp16_arithmetic=request.backend == "xnnpack-fp16",
    )
    path.write_bytes(metadata.attach(model, description))


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Run with LiteRT, XNNPACK on, a thread a core or so many; raises ArtifactError."""
    version = importlib.metadata.version("ai-edge-litert")
    interpreter = graph.load(path, threads=threads or os.cpu_count() or 1)
    with graph.damaged_if(path):
        (image_input,) = interpreter.get_input_details()
        outputs = graph.outputs(interpreter)

    def run(image: Pixels) -> Outputs:
        with graph.damaged_if(path):
            interpreter.set_tensor(image_input["index"], image[None].astype(np.float32))
            interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in outputs.items()}

    def bind(image: Pixels) -> Callable[[], object]:
        run(image)  # sets the input, which stays
        return interpreter.invoke

    return Runner(call=run, runtime=f"LiteRT {version}, XNNPACK", layout=LAYOUT, bind=bind)


def inspect(path: Path) -> Graph:
    """Re-read the flatbuffer."""
    return graph.inspect(path)


def profile(
    path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Time each operation with LiteRT's own profiler; raises NoProfiler."""
    return profiler.profile(path, image, runs=runs, threads=threads)


def activations(path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
    """Outputs of the file's convolutions and linears, by module path."""
    return probe.activations(path, image)


def ranges(path: Path) -> Mapping[str, tuple[float, float]]:
    """What the int8 outputs of convolutions and linears can hold, by module path."""
    return probe.ranges(path)


def lower(program: ExportedProgram) -> bytes:
    """The program as a float32 .tflite file."""
    with warnings.catch_warnings(), _quiet_logging():
        warnings.simplefilter("ignore")
        # Imported here: it takes seconds, and reading or running a file does not need it.
        import litert_torch
        from litert_torch.progress import console

        _, kwargs = program.example_inputs
        with console.capture():  # it prints its stages on stdout
            edge = litert_torch.convert(program.module(), sample_kwargs=kwargs)
            content: bytes = edge.model_content()
        return content


@contextlib.contextmanager
def _quiet_logging() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
