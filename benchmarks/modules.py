"""One module on a map, through a converter's lowering and quantisation, and run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram

from slide_mobile.artifact.manifest import Graph
from slide_mobile.deploy.export import INPUT, ImageModel
from slide_mobile.recipes import RECIPES
from slide_mobile_converters.executorch import graph as executorch_graph
from slide_mobile_converters.executorch import lowering as executorch_lowering
from slide_mobile_converters.executorch import quantization as executorch_quantization
from slide_mobile_converters.executorch import rewrites as executorch_rewrites
from slide_mobile_converters.executorch import running
from slide_mobile_converters.tflite import graph as tflite_graph
from slide_mobile_converters.tflite import lower as tflite_lower
from slide_mobile_converters.tflite import quantization as tflite_quantization

Map = NDArray[np.float32]
Built = tuple[Callable[[], Map], Mapping[str, int]]  # runs the first map; partitions, outside
Build = Callable[[str, Path], Built]  # in a precision, to a file


def prepare(target: str, module: nn.Module, maps: Sequence[Tensor]) -> Build:
    """Lower a module that takes one of these maps, ready for any precision of the target."""
    # "NCHW": a map as it is, whichever way its channels lie.
    named = ImageModel(module, "NCHW").eval()
    with torch.no_grad():
        program = torch.export.export(named, (), {INPUT: maps[0]})
    return {"tflite": _tflite, "executorch": _executorch}[target](program, maps)


def _tflite(program: ExportedProgram, maps: Sequence[Tensor]) -> Build:
    inputs = [m.numpy() for m in maps]
    model = tflite_lower(program)

    def build(precision: str, path: Path) -> Built:
        path.write_bytes(tflite_quantization.quantize(model, RECIPES[precision], inputs))
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(taken["index"], inputs[0])

        def run() -> Map:
            interpreter.invoke()
            found: Map = interpreter.get_tensor(given["index"])
            return found

        return run, _facts(tflite_graph.inspect(path))

    return build


def _executorch(program: ExportedProgram, maps: Sequence[Tensor]) -> Build:
    def build(precision: str, path: Path) -> Built:
        typed, given = program, maps[0]
        if precision == "fp16":
            typed, given = executorch_rewrites.half(program), maps[0].half()
        elif precision != "fp32":
            dynamic = precision == "int8-dynamic"
            typed = executorch_quantization.quantize(program, dynamic=dynamic, calibration=maps)
        path.write_bytes(executorch_lowering.lower(typed, {}))
        loaded = running.Loaded(path.read_bytes(), path, threads=1)

        def run() -> Map:
            (found,) = loaded(given)
            return found.float().numpy()

        return run, _facts(executorch_graph.inspect(path))

    return build


def _facts(graph: Graph) -> Mapping[str, int]:
    return {"partitions": graph.partitions, "outside": graph.total_ops - graph.delegated_ops}
