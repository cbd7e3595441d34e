"""Numeric formats of the exported program: fp16 between its input and its outputs, or fp32.

The formats of weights are written later, into Apple's program (compression.py). Their activations
are fp16, as in a Core ML package.
"""

import copy

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from slide_mobile.recipes import Recipe

_TO = torch.ops.aten.to.dtype


def in_format(program: ExportedProgram, recipe: Recipe) -> ExportedProgram:
    """The program in fp32 if the recipe's weights are fp32, else in fp16."""
    return program if recipe.weights == "float32" else half(program)


def half(program: ExportedProgram) -> ExportedProgram:
    """The program in fp16, with an input and outputs in fp32."""
    model = copy.deepcopy(program.module())  # half() changes weights in place
    _narrow_input(model)
    _widen_outputs(model)
    model.recompile()
    return torch.export.export(model.half(), *program.example_inputs)


def _narrow_input(model: GraphModule) -> None:
    (image,) = (node for node in model.graph.nodes if node.op == "placeholder")
    readers = [user for user in image.users if user.op == "call_function"]
    with model.graph.inserting_before(readers[0]):
        narrow = model.graph.call_function(_TO, (image, torch.float16))
    for reader in readers:
        reader.replace_input_with(image, narrow)


def _widen_outputs(model: GraphModule) -> None:
    output = model.graph.output_node()

    def widen(node: Node) -> Node:
        """An output in fp32."""
        with model.graph.inserting_before(output):
            wide: Node = model.graph.call_function(_TO, (node, torch.float32))
        return wide

    output.args = (pytree.tree_map(widen, output.args[0]),)
