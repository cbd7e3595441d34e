"""LiteRT .tflite by litert-torch, quantized by ai-edge-quantizer, run by LiteRT with XNNPACK."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

if TYPE_CHECKING:
    from torch.export import ExportedProgram

with quiet():
    from slide_mobile_converters.tflite import metadata
    from slide_mobile_converters.tflite.graph import MAX_RANK as MAX_RANK
    from slide_mobile_converters.tflite.graph import inspect as inspect
    from slide_mobile_converters.tflite.graph import misread as misread
    from slide_mobile_converters.tflite.graph import precision as precision
    from slide_mobile_converters.tflite.probe import activations as activations
    from slide_mobile_converters.tflite.probe import ranges as ranges
    from slide_mobile_converters.tflite.profile import PROFILER as PROFILER
    from slide_mobile_converters.tflite.profile import modules as modules
    from slide_mobile_converters.tflite.profile import profile as profile
    from slide_mobile_converters.tflite.rounding import half_runner as half_runner
    from slide_mobile_converters.tflite.running import runner as runner

SUFFIX = ".tflite"
RUNTIME = ("litert", "ai-edge-litert")
LAYOUT: Literal["NHWC"] = "NHWC"
_PRECISIONS = ("fp32", "fp16", "int8", "int8-dynamic", "int8-weights")
# "xnnpack-fp16" adds a hint: XNNPACK then computes in fp16 on phones that can (Armv8.2).
BACKENDS = {"xnnpack": _PRECISIONS, metadata.FP16_BACKEND: _PRECISIONS}
_PACKAGES = ("ai-edge-litert", "ai-edge-quantizer", "torch")
EXPORTERS = {
    "litert": (*_PACKAGES, "litert-converter", "litert-torch"),
    "onnx": (*_PACKAGES, "onnx", "onnx2tf", "onnxscript"),
}


def input_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of the image input, in every precision."""
    return "float32"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of every output, in every precision."""
    return "float32"


def convert(program: "ExportedProgram", request: Request, path: Path) -> None:
    """Lower, quantize, describe and write one file."""
    from slide_mobile_converters.tflite import writing  # needs torch, which takes seconds

    writing.write(program, request, path)
