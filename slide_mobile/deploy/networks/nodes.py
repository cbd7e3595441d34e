"""Nodes of an exported graph: shapes, the module that a node is of, and new nodes in its place."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.node import Argument, Target

from slide_mobile.tasks import deployed_path

MOST_RANK = 4
RESHAPE = torch.ops.aten.reshape.default


def shape(node: Node) -> tuple[int, ...]:
    """The shape of a node's tensor; empty for a node with another value."""
    value = node.meta.get("val")
    return tuple(int(n) for n in value.shape) if isinstance(value, Tensor) else ()


def module_path(node: Node) -> str:
    """Path of the module that a node belongs to, in the deploy form."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return deployed_path(stack[-1][0]) if stack else ""


def call(model: GraphModule, before: Node, target: Target, *args: Argument) -> Node:
    """A new node before another one, of the same module; its shape is computed."""
    with model.graph.inserting_before(before):
        node = model.graph.call_function(target, args)  # type: ignore[arg-type]
    node.meta = {k: v for k, v in before.meta.items() if k != "val"}
    values = torch.fx.node.map_arg(args, lambda one: one.meta["val"])
    assert callable(target)
    node.meta["val"] = target(*values)
    return node


def reshaped(model: GraphModule, before: Node, x: Node, size: Sequence[int]) -> Node:
    """A node as a tensor of this shape."""
    assert prod(size) == prod(shape(x))
    return x if tuple(size) == shape(x) else call(model, before, RESHAPE, x, list(size))
