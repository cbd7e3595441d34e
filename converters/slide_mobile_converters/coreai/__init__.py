"""Core AI .aimodel by coreai-torch, run by Apple's own CPU runtime, which exists on Linux too."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request
from slide_mobile.targets.quiet import quiet

if TYPE_CHECKING:
    from torch.export import ExportedProgram

with quiet():
    from slide_mobile_converters.coreai.graph import inspect as inspect
    from slide_mobile_converters.coreai.graph import precision as precision
    from slide_mobile_converters.coreai.probe import activations as activations
    from slide_mobile_converters.coreai.probe import ranges as ranges
    from slide_mobile_converters.coreai.profile import profile as profile
    from slide_mobile_converters.coreai.rounding import half_runner as half_runner
    from slide_mobile_converters.coreai.running import runner as runner

SUFFIX = ".aimodel"
RUNTIME = ("coreai", "coreai-core")
LAYOUT: Literal["NCHW"] = "NCHW"
# fp16 comes first because the Neural Engine computes in fp16.
BACKENDS = {"aimodel": ("fp16", "fp32", "int8-weights", "palette6", "palette4")}
EXPORTERS = {"coreai-torch": ("coreai-core", "coreai-torch", "torch")}
MAX_RANK = 4  # of the Neural Engine


def input_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of the image input, in every precision."""
    return "float32"


def output_dtype(recipe: Recipe) -> Literal["float32"]:
    """Element type of every output, in every precision."""
    return "float32"


def misread(path: Path) -> tuple[str, ...]:
    """No operation is known that the Neural Engine takes and computes wrongly."""
    return ()


def convert(program: "ExportedProgram", request: Request, path: Path) -> None:
    """Write an asset for iOS 27 with the logits, or with the maps."""
    from slide_mobile_converters.coreai import writing  # needs torch, which takes seconds

    writing.write(program, request, path)
