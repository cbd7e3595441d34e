"""Compute at conversion what no image changes.

before   a position bias from an MLP on coordinates, a mask of windows cut from zeros
after    one constant each
"""

from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

_RANDOM = torch.Tag.nondeterministic_seeded


@torch.no_grad()
def fold(model: GraphModule) -> bool:
    """Replace every result that only depends on constants by a buffer, in place.

    Returns whether there were any.
    """
    values: dict[Node, Any] = {}
    order = list(model.graph.nodes)
    for node in order:
        if node.op == "get_attr":
            values[node] = _attribute(model, str(node.target))
        elif _is_constant(node, values):
            args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            assert callable(node.target)
            values[node] = node.target(*args, **kwargs)
    computed = [node for node in order if node.op == "call_function" and node in values]
    read = [n for n in computed if any(user not in values for user in n.users)]
    for node in read:
        if isinstance(values[node], Tensor):
            _replace(model, node, values[node])
    for node in reversed(computed):
        if not node.users:
            model.graph.erase_node(node)
    model.graph.eliminate_dead_code()
    model.recompile()
    return bool(computed)


def _is_constant(node: Node, values: dict[Node, Any]) -> bool:
    """Whether an operation reads constants alone, and gives the same each time."""
    if node.op != "call_function" or not all(one in values for one in node.all_input_nodes):
        return False
    tags = getattr(node.target, "tags", ())
    return _RANDOM not in tags and getattr(node.target, "namespace", "") in {"aten", ""}


def _replace(model: GraphModule, node: Node, value: Tensor) -> None:
    """Let all readers of a node read a new buffer instead."""
    name = next(n for n in map("constant_{}".format, count()) if not hasattr(model, n))
    model.register_buffer(name, value.detach().clone().contiguous())
    with model.graph.inserting_before(node):
        constant = model.graph.get_attr(name)
    constant.meta = dict(node.meta)
    node.replace_all_uses_with(constant)


def _attribute(model: nn.Module, path: str) -> Tensor:
    """The tensor at a path."""
    owner, _, name = path.rpartition(".")
    found = getattr(model.get_submodule(owner), name)
    assert isinstance(found, Tensor)
    return found.detach().clone()
