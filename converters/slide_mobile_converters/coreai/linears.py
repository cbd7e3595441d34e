"""Linears as 1x1 convolutions on (1, C, 1, tokens), in a decomposed program.

Apple's CPU runtime adds up the products of a matmul in fp16, and those of a convolution in fp32
(coreai-core 1.0.0b3): with 1,024 channels, a linear is at 47 dB and the same 1x1 convolution at
73 dB, which is one rounding of the result. The Neural Engine, too, computes a convolution where it
was seen to compute a matmul of rank 2 wrongly (apple/coreai-torch#51).
"""

from math import prod
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Graph, Node

_ATEN = torch.ops.aten
LINEAR = _ATEN.linear.default
_PERMUTE, _VIEW = _ATEN.permute.default, _ATEN.view.default
_ONE, _ZERO = [1, 1], [0, 0]


def as_convolutions(program: ExportedProgram) -> None:
    """Replace each linear, whose weight is in the state dict and only read by linears, in place."""
    signature = program.graph_signature
    weights = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    for node in [node for node in program.graph.nodes if node.target is LINEAR]:
        weight = node.args[1]
        if weight.meta["val"].ndim == 2:
            name = weights[weight.name]
            program.state_dict[name] = program.state_dict[name].detach()[:, :, None, None]
            weight.meta["val"] = weight.meta["val"][:, :, None, None]
        _replace(program, node, *node.args)


def _replace(
    program: ExportedProgram, node: Node, tokens: Node, weight: Node, bias: Node | None = None
) -> None:
    graph, (*places, channels) = program.graph, tokens.meta["val"].shape
    out, count = weight.meta["val"].shape[0], prod(places)
    with graph.inserting_before(node):
        columns = _call(graph, _PERMUTE, _call(graph, _VIEW, tokens, [count, channels]), [1, 0])
        maps = _call(graph, _VIEW, columns, [1, channels, 1, count])
        geometry = (_ONE, _ZERO, _ONE, False, _ZERO, 1)
        made = _call(graph, _ATEN.convolution.default, maps, weight, bias, *geometry)
        rows = _call(graph, _PERMUTE, _call(graph, _VIEW, made, [out, count]), [1, 0])
        found = _call(graph, _VIEW, rows, [*places, out])
    node.replace_all_uses_with(found)
    program.graph_signature.replace_all_uses(node.name, found.name)
    graph.erase_node(node)


def _call(graph: Graph, target: Any, *args: Any) -> Node:
    """A new node, whose value is what its operation makes of the values of its arguments."""
    node: Node = graph.call_function(target, args)
    values = [arg.meta["val"] if isinstance(arg, Node) else arg for arg in args]
    value = values[0].reshape(values[1]) if target is _VIEW else target(*values)
    node.meta["val"] = value.contiguous()
    return node
