"""fp16 in a decomposed program, from its input to its outputs, which stay in fp32.

The types are written into the traced graph, because to trace it again would take longer than the
rest of a conversion. The formats of weights are written later, into Apple's program
(compression.py). Their activations are fp16, as in a Core ML package.
"""

from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

_TO = torch.ops.aten._to_copy.default


def halve(program: ExportedProgram) -> None:
    """Put a program in fp16, with an input and outputs in fp32, in place."""
    program._constants = dict(program.constants)  # which it shares with what it was made from
    for tensors in (program.state_dict, program.constants):
        for name, x in tensors.items():
            if isinstance(x, Tensor):
                tensors[name] = _half(x)
    inputs, outputs = _borders(program)
    for node in program.graph.nodes:
        node.kwargs = {name: _half_type(given) for name, given in node.kwargs.items()}
        if node not in inputs and isinstance(node.meta.get("val"), Tensor):
            node.meta["val"] = _half(node.meta["val"])
    for node in inputs:
        readers = list(node.users)
        narrow = _cast(readers[0], node, torch.float16)
        for reader in readers:
            reader.replace_input_with(node, narrow)
    last = program.graph.output_node()
    wide = {node: _cast(last, node, torch.float32) for node in outputs}
    last.args = (tuple(wide[node] for node in outputs),)
    for spec, node in zip(program.graph_signature.output_specs, outputs, strict=True):
        spec.arg.name = wide[node].name


def _borders(program: ExportedProgram) -> tuple[list[Node], list[Node]]:
    """The nodes that are the user's inputs and outputs."""
    nodes = {node.name: node for node in program.graph.nodes}
    signature = program.graph_signature
    return [nodes[str(n)] for n in signature.user_inputs], [
        nodes[str(n)] for n in signature.user_outputs
    ]


def _cast(before: Node, node: Node, dtype: torch.dtype) -> Node:
    graph = before.graph
    with graph.inserting_before(before):
        cast: Node = graph.call_function(_TO, (node,), {"dtype": dtype})
    cast.meta["val"] = node.meta["val"].to(dtype)
    return cast


def _half(x: Tensor) -> Tensor:
    return x.half() if x.dtype == torch.float32 else x


def _half_type(given: Any) -> Any:
    return torch.float16 if given is torch.float32 else given
