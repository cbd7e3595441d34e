"""ExecuTorch .pte, delegated to XNNPACK or to Core ML."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

if TYPE_CHECKING:
    from torch.export import ExportedProgram

with quiet():
    from slide_mobile_converters.executorch.graph import MAX_RANK as MAX_RANK
    from slide_mobile_converters.executorch.graph import inspect as inspect
    from slide_mobile_converters.executorch.graph import precision as precision
    from slide_mobile_converters.executorch.probe import activations as activations
    from slide_mobile_converters.executorch.probe import ranges as ranges
    from slide_mobile_converters.executorch.profile import profile as profile
    from slide_mobile_converters.executorch.rounding import half_runner as half_runner
    from slide_mobile_converters.executorch.running import runner as runner

SUFFIX = ".pte"
RUNTIME = ("executorch", "executorch")
LAYOUT: Literal["NCHW"] = "NCHW"
BACKENDS = {
    "xnnpack": ("fp32", "fp16", "int8", "int8-dynamic"),
    "coreml": ("fp16", "fp32"),
}
EXPORTERS = {"executorch": ("executorch", "torch", "torchao")}


def input_dtype(recipe: Recipe) -> Literal["float32", "float16"]:
    """Element type of the image input, which delegates compute in; fp16 holds 0..255 exactly."""
    return "float16" if recipe.weights == "float16" else "float32"


def output_dtype(recipe: Recipe) -> Literal["float32", "float16"]:
    """Element type of every output: that of the input."""
    return input_dtype(recipe)


def misread(path: Path) -> tuple[str, ...]:
    """No operation is known that a delegate takes and computes wrongly."""
    return ()


def convert(program: "ExportedProgram", request: Request, path: Path) -> None:
    """Quantize, describe, lower and write one file."""
    from slide_mobile_converters.executorch import writing  # needs torch, which takes seconds

    writing.write(program, request, path, dtype=input_dtype(request.recipe))
