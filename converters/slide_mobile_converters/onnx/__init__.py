"""ONNX .onnx by torch.onnx, quantised and run by ONNX Runtime on the CPU."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto
from torch.export import ExportedProgram

from slide_mobile.artifact.manifest import Graph
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, Runner
from slide_mobile.targets.profiles import OperationTime
from slide_mobile.tasks import LOGITS, STAGES, Outputs, output_names
from slide_mobile_converters.onnx import graph, probe, running
from slide_mobile_converters.onnx import profile as profiler
from slide_mobile_converters.onnx.lowering import INPUT, lower
from slide_mobile_converters.onnx.quantization import in_format

if importlib.util.find_spec("onnxscript") is None:  # imported late, missed early
    raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")

SUFFIX = ".onnx"
RUNTIME = ("onnxruntime", "onnxruntime")
LAYOUT: Literal["NCHW"] = "NCHW"
BACKENDS = {"cpu": ("fp32", "fp16", "int8")}
ROADS = {"torch": ("onnx", "onnxruntime", "onnxscript", "torch")}
MAX_RANK = graph.MAX_RANK


def input_dtype(recipe: Recipe) -> Literal["float32"]:
    """Of the image input, in every precision."""
    return "float32"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Of every output, in every precision."""
    return "float32"


def convert(program: ExportedProgram, request: Request, path: Path) -> None:
    """Export, change the numeric format, describe, write one file."""
    inputs = [planar(image) for image in request.calibration]
    model = lower(program, output_names(request.task))
    model = in_format(model, request.recipe, inputs, float_modules=request.float_modules)
    path.write_bytes(_described(model, request).SerializeToString(deterministic=True))


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Run with ONNX Runtime's CPU provider, a thread a core or so many; raises ArtifactError."""
    session = running.session(path, threads=threads or os.cpu_count() or 1)

    # A foreign file is asked for logits, and says what it has instead.
    names = [x.name for x in session.get_outputs() if x.name in STAGES] or [LOGITS]

    def run(image: Pixels) -> Outputs:
        try:
            return dict(zip(names, session.run(names, {INPUT: planar(image)}), strict=True))
        except (ValueError, *graph.ERRORS) as error:
            raise graph.damaged(path, error) from error

    def bind(image: Pixels) -> Callable[[], object]:
        return partial(session.run, names, {INPUT: planar(image)})

    runtime = f"ONNX Runtime {onnxruntime.__version__}, CPU"
    return Runner(call=run, runtime=runtime, layout=LAYOUT, bind=bind)


def inspect(path: Path) -> Graph:
    """Re-read the file, and ask ONNX Runtime what it makes of it."""
    return graph.inspect(path)


def profile(
    path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Time each operation with ONNX Runtime's own profiler."""
    return profiler.profile(path, image, runs=runs, threads=threads)


def activations(path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
    """Outputs of the file's convolutions and linears, by module path."""
    return probe.activations(path, image)


def ranges(path: Path) -> Mapping[str, tuple[float, float]]:
    """What the int8 outputs of convolutions and linears can hold, by module path."""
    return probe.ranges(path)


def _described(model: ModelProto, request: Request) -> ModelProto:
    """The model with the request's facts in it, where ONNX Runtime's `get_modelmeta` looks."""
    described = ModelProto()
    described.CopyFrom(model)
    described.producer_name, described.producer_version = "slide-mobile", request.version
    described.doc_string = request.description
    described.graph.name = request.title
    facts = {
        **request.facts,
        "author": "slide-mobile",
        "description": request.description,
        "license": "Apache-2.0",
        "title": request.title,
    }
    if request.labels:
        facts["labels"] = "\n".join(request.labels)
    for key, value in sorted(facts.items()):
        described.metadata_props.add(key=key, value=value)
    return described
