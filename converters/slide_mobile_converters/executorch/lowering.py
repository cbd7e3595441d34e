"""An exported program into the numeric format of a recipe, and from there into a .pte."""

from collections.abc import Iterator
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch import nn
from torch.export import ExportedProgram
from torch.fx import Node

from slide_mobile.preprocess import planar
from slide_mobile.targets.converter import Request
from slide_mobile_converters.executorch import quantization, rewrites

_DENSE = {f"{module.__module__}.{module.__qualname__}" for module in (nn.Conv2d, nn.Linear)}


def in_format(program: ExportedProgram, request: Request) -> ExportedProgram:
    """The program in the recipe's numeric format (fp32: as it is)."""
    recipe = request.recipe
    if recipe.weights == "float32":
        return program
    if recipe.weights == "float16":
        apple = request.backend == "coreml"
        return rewrites.half_input(program) if apple else rewrites.half(program)
    images = [torch.from_numpy(planar(image)) for image in request.calibration]
    dynamic = recipe.activations == "int8-dynamic"
    return quantization.quantize(
        program, dynamic=dynamic, calibration=images, float_modules=request.float_modules
    )


def modules(program: ExportedProgram) -> Iterator[str]:
    """The module of each convolution and linear in execution order.

    Empty for depthwise convolutions, and for those whose weights belong to another kind of module.
    """
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target in {rewrites.CONV, rewrites.LINEAR}:
            yield _module(node)


def _module(node: Node) -> str:
    _, kind = list(node.meta["nn_module_stack"].values())[-1]
    grouped = node.target == rewrites.CONV and rewrites.groups(node) > 1
    return "" if grouped or kind not in _DENSE else rewrites.module_path(node)


def lower(program: ExportedProgram, constants: dict[str, Any]) -> bytes:
    """A .pte with as much as possible in XNNPACK delegates; `constants` by method name."""
    edge = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods=constants
    )
    return bytes(edge.to_executorch().buffer)
