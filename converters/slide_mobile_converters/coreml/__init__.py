"""Core ML .mlpackage by coremltools, run by Core ML on a Mac and by mil_evaluator elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

if TYPE_CHECKING:
    from torch.export import ExportedProgram

with quiet():
    from slide_mobile_converters.coreml.graph import inspect as inspect
    from slide_mobile_converters.coreml.graph import precision as precision
    from slide_mobile_converters.coreml.probe import activations as activations
    from slide_mobile_converters.coreml.probe import ranges as ranges
    from slide_mobile_converters.coreml.profile import profile as profile
    from slide_mobile_converters.coreml.rounding import half_runner as half_runner
    from slide_mobile_converters.coreml.running import runner as runner

SUFFIX = ".mlpackage"
RUNTIME = ("coremltools", "coremltools")
LAYOUT: Literal["NCHW"] = "NCHW"
# fp16 comes first because the Neural Engine computes in fp16.
BACKENDS = {"mlprogram": ("fp16", "fp32", "int8", "int8-weights", "palette6", "palette4")}
EXPORTERS = {"coremltools": ("coremltools", "torch")}
MAX_RANK = 4  # of the Neural Engine; Core ML itself takes 5 (coremltools 9)


def input_dtype(recipe: Recipe) -> Literal["uint8"]:
    """Element type of the image input: 8-bit RGB in every precision."""
    return "uint8"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of every output, in every precision."""
    return "float32"


def misread(path: Path) -> tuple[str, ...]:
    """No operation is known that the Neural Engine takes and computes wrongly."""
    return ()


def convert(program: "ExportedProgram", request: Request, path: Path) -> None:
    """Write a package for iOS 17 with class label, probabilities and logits, or with the maps."""
    from slide_mobile_converters.coreml import writing  # needs torch, which takes seconds

    writing.write(program, request, path)
