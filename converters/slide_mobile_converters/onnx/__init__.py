"""ONNX .onnx by torch.onnx, quantized and run by ONNX Runtime on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

if TYPE_CHECKING:
    from torch.export import ExportedProgram

with quiet():
    from slide_mobile_converters.onnx.graph import MAX_RANK as MAX_RANK
    from slide_mobile_converters.onnx.graph import inspect as inspect
    from slide_mobile_converters.onnx.graph import precision as precision
    from slide_mobile_converters.onnx.probe import activations as activations
    from slide_mobile_converters.onnx.probe import ranges as ranges
    from slide_mobile_converters.onnx.profile import profile as profile
    from slide_mobile_converters.onnx.rounding import half_runner as half_runner
    from slide_mobile_converters.onnx.running import runner as runner

SUFFIX = ".onnx"
RUNTIME = ("onnxruntime", "onnxruntime")
LAYOUT: Literal["NCHW"] = "NCHW"
BACKENDS = {"cpu": ("fp32", "fp16", "int8")}
EXPORTERS = {"torch": ("onnx", "onnxruntime", "onnxscript", "torch")}


def input_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of the image input, in every precision."""
    return "float32"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of every output, in every precision."""
    return "float32"


def misread(path: Path) -> tuple[str, ...]:
    """No operation is known that an execution provider takes and computes wrongly."""
    return ()


def convert(program: "ExportedProgram", request: Request, path: Path) -> None:
    """Lower, quantize, describe and write one file."""
    from slide_mobile_converters.onnx import writing  # needs torch, which takes seconds

    writing.write(program, request, path)
