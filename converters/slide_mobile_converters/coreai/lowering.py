"""An exported program to a program of Core AI, with the place of each dense layer in it.

coreai-torch writes the name of the FX node into the location of each operation. That is how an
operation is found again after Apple's own passes. Locations are dropped at the end: they would make
the file larger, and stack traces in them contain paths of this machine.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from coreai_torch import TorchConverter, get_decomp_table
from coreai_torch.debugging.debug_info import strip_debug_info
from torch.export import ExportedProgram
from torch.fx import Node

from slide_mobile.recipes import is_quantizable
from slide_mobile.targets.converter import Request, require_quantized
from slide_mobile.tasks import deployed_path, output_names
from slide_mobile_converters.coreai import operations
from slide_mobile_converters.coreai.compression import compress
from slide_mobile_converters.coreai.linears import LINEAR, as_convolutions
from slide_mobile_converters.coreai.quantization import halve

_CONVOLUTION = torch.ops.aten.convolution.default
_GROUPS = 8  # position of `groups` among the arguments of aten.convolution
_NODE = re.compile(r'identifiers = \["([^"]+)"\]')


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A program of Core AI, and module paths by the index of the operation that ends a module."""

    program: Any
    modules: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Dense:
    """An ungrouped convolution or linear with a parameter as its weight."""

    node: str
    path: str
    shape: tuple[int, ...]  # (C_out, C_in, ...)


def lower(program: ExportedProgram, request: Request) -> Lowered:
    """Convert a program, and compress its weights as the recipe says.

    Raises ValueError for a float module that the recipe leaves in float anyway.
    """
    table = get_decomp_table()
    table.pop(LINEAR)  # decomposed, it may become a batch of matmuls
    core = program.run_decompositions(table)
    as_convolutions(core)
    if request.recipe.weights != "float32":
        halve(core)
    layers = list(dense(core))
    made = _to_coreai(core, output_names(request.task))
    compress(_weights(made, _chosen(layers, request)), request.recipe)
    ends = {name: indices[-1] for name, indices in _places(made).items()}
    operations.name_constants(made)
    strip_debug_info(made)
    return Lowered(program=made, modules={ends[layer.node]: layer.path for layer in layers})


def dense(program: ExportedProgram) -> Iterator[Dense]:
    """The dense layers of a decomposed program, in execution order."""
    parameters = program.graph_signature.inputs_to_parameters
    for node in program.graph.nodes:
        if node.target is not _CONVOLUTION or node.args[_GROUPS] != 1:
            continue
        weight = node.args[1]
        assert isinstance(weight, Node)
        if weight.name in parameters:
            path = deployed_path(parameters[weight.name]).removesuffix(".weight")
            yield Dense(node=node.name, path=path, shape=tuple(weight.meta["val"].shape))


def _to_coreai(program: ExportedProgram, outputs: Sequence[str]) -> Any:
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    # Only the debug mode writes the names of nodes.
    converter = TorchConverter(mode=TorchConverter.Mode.DEBUG)
    return converter.add_exported_program(program, output_names=list(outputs)).to_coreai()


def _chosen(layers: Sequence[Dense], request: Request) -> set[str]:
    """Nodes of the layers whose weights the recipe compresses; none of a recipe in float."""
    if request.recipe.weights in {"float32", "float16"}:
        return set()
    thick = {layer.path: layer.node for layer in layers if is_quantizable(*layer.shape[:2])}
    require_quantized(request.float_modules, thick)
    return {node for path, node in thick.items() if path not in request.float_modules}


def _places(program: Any) -> dict[str, list[int]]:
    """Indices of the operations that an FX node became, by its name."""
    places = defaultdict(list)
    for index, operation in enumerate(operations.raw(program)):
        if found := _NODE.search(str(operation.location)):
            places[found[1]].append(index)
    return places


def _weights(program: Any, nodes: set[str]) -> list[Any]:
    """The constants that these nodes multiply by, in execution order, each once."""
    every, found = operations.raw(program), {}
    for name, places in _places(program).items():
        for index in places:
            if name in nodes and every[index].name == "coreai.conv2d":
                weight = every[index].operands[1].owner
                found[weight.results[0]] = weight
    return list(found.values())
