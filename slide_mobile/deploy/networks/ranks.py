"""Tensors of rank 5 and 6 at rank 4: what views and permutes make of axes, with fewer axes.

    before   view to (1, H/w, w, W/w, w, C), permute (0, 1, 3, 2, 4, 5), view to (windows, N, C)
    after    reshape to (H/w, w, W/w, w * C), permute (0, 2, 1, 3), reshape to (windows, N, C)

Axes that a permutation keeps next to each other are one axis for it, and axes of length 1 are none.
What is left may still be more than four axes: then the permutation is a sequence of swaps of two
neighbouring blocks, and each is a permutation of (before, a, b, after). A selection, slice or roll
along one axis sees (before, axis, after). Reshapes of reshapes are one reshape, so that the tensor
of rank 6 is gone. An operation on single values does not mind the axes, apart from those that it
broadcasts; a softmax minds the last, a product the last two. So every rewrite is exact.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from math import prod

import torch
from torch.fx import GraphModule, Node

from slide_mobile.deploy.networks.nodes import MOST_RANK, RESHAPE, call, reshaped, shape

_ATEN = torch.ops.aten
_PERMUTES = {_ATEN.permute.default, _ATEN.transpose.int}
_VIEWS = {
    RESHAPE, _ATEN.view.default, _ATEN.flatten.using_ints, _ATEN.unflatten.int,
    _ATEN.unsqueeze.default, _ATEN.squeeze.dim, _ATEN.squeeze.default, _ATEN.squeeze.dims,
    _ATEN._unsafe_view.default,
}  # fmt: skip
_COPIES = {_ATEN.contiguous.default, _ATEN.clone.default}
_ALONG = {_ATEN.select.int, _ATEN.slice.Tensor, _ATEN.narrow.default}

Order = tuple[int, ...]


def lower(model: GraphModule) -> bool:
    """Rewrite operations of rank 5 and more, in place; returns whether there were any."""
    high = [node for node in model.graph.nodes if _is_high(node)]
    for node in high:
        _lowered(model, node)
    _join_reshapes(model)
    model.graph.eliminate_dead_code()
    model.recompile()
    return bool(high)


def high(model: torch.fx.GraphModule) -> Iterator[Node]:
    """The nodes whose tensors are read and have a rank over 4."""
    return (node for node in model.graph.nodes if node.users and len(shape(node)) > MOST_RANK)


def _is_high(node: Node) -> bool:
    """Whether a node has tensors of a rank over 4, or is a pixel shuffle: exporters take 6 axes."""
    ranks = [len(shape(one)) for one in (node, *node.all_input_nodes)]
    return max(ranks) > MOST_RANK or node.target is _ATEN.pixel_shuffle.default


def _lowered(model: GraphModule, node: Node) -> None:
    """Rewrite one node, if its operation is known."""
    if node.target in _PERMUTES:
        new = _permuted(model, node, _order(node))
    elif node.target is _ATEN.pixel_shuffle.default:
        new = _shuffled(model, node)
    elif node.target in _ALONG:
        new = _along(model, node)
    elif node.target in _VIEWS | _COPIES:
        new = reshaped_like(model, node)
    elif node.target is _ATEN.roll.default:
        new = _rolled(model, node)
    elif node.target is _ATEN.unbind.int:
        _unbound(model, node)
        return
    elif torch.Tag.pointwise in getattr(node.target, "tags", ()):
        groups = _broadcast_alike(node)
        if len(groups) > MOST_RANK:
            return
        new = _pointwise(model, node, groups)
    elif (inner := _inner_axes(node)) is not None:
        new = _behind(model, node, inner)
    else:
        return
    _replace(model, node, new)


def _replace(model: GraphModule, node: Node, new: Node) -> None:
    """Let all readers of a node read a new one."""
    node.replace_all_uses_with(new)
    model.graph.erase_node(node)


def reshaped_like(model: GraphModule, node: Node) -> Node:
    """A view, or a copy, as a reshape of the same tensor."""
    source = node.all_input_nodes[0]
    return call(model, node, RESHAPE, source, list(shape(node)))


def _permuted(model: GraphModule, node: Node, order: Order) -> Node:
    """A permutation of many axes by swaps of neighbouring blocks of axes."""
    (source,) = node.all_input_nodes
    return call(
        model, node, RESHAPE, _swapped(model, node, source, shape(source), order), list(shape(node))
    )


def _shuffled(model: GraphModule, node: Node) -> Node:
    """A pixel shuffle: (1, C * r * r, H, W) -> (1, C, H * r, W * r)."""
    (source,), factor = node.all_input_nodes, node.args[1]
    assert isinstance(factor, int)
    _, channels, height, width = shape(source)
    size = (channels // factor**2, factor, factor, height, width)
    x = _swapped(model, node, source, size, (0, 3, 1, 4, 2))
    return call(model, node, RESHAPE, x, list(shape(node)))


def _swapped(model: GraphModule, node: Node, x: Node, size: Sequence[int], order: Order) -> Node:
    """The values of a tensor of this size in another order of axes; its shape is left open."""
    size, order = collapsed(size, order)
    for first, middle, last in swaps(order):
        blocks = (size[:first], size[first:middle], size[middle:last], size[last:])
        x = reshaped(model, node, x, [prod(block) for block in blocks])
        x = call(model, node, _ATEN.permute.default, x, [0, 2, 1, 3])
        size = (*size[:first], *size[middle:last], *size[first:middle], *size[last:])
    return x


def _order(node: Node) -> Order:
    """The order of axes that a permute or transpose gives."""
    rank = len(shape(node))
    if node.target is _ATEN.permute.default:
        axes = node.args[1]
        assert isinstance(axes, list | tuple)
        return tuple(int(axis) % rank for axis in axes)  # type: ignore[arg-type]
    first, second = (int(axis) % rank for axis in node.args[1:3])  # type: ignore[arg-type]
    order = list(range(rank))
    order[first], order[second] = second, first
    return tuple(order)


def collapsed(size: Sequence[int], order: Order) -> tuple[tuple[int, ...], Order]:
    """The same permutation without axes of length 1, with axes joined that stay together."""
    kept = [axis for axis in order if size[axis] != 1]
    groups: list[list[int]] = []
    long = sorted(kept)
    after = dict(pairwise(long))
    for axis in kept:
        if groups and after.get(groups[-1][-1]) == axis:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    ordered = sorted(groups)
    return (
        tuple(prod(size[axis] for axis in group) for group in ordered),
        tuple(ordered.index(group) for group in groups),
    )


def swaps(order: Order) -> list[tuple[int, int, int]]:
    """The fewest swaps of neighbouring blocks that bring 0, 1, 2, ... into this order.

    A swap (first, middle, last) exchanges [first, middle) and [middle, last).
    """
    start = tuple(range(len(order)))
    came: dict[Order, tuple[Order, tuple[int, int, int]] | None] = {start: None}
    waiting = deque([start])
    while order not in came:
        now = waiting.popleft()
        for first, middle, last in combinations(range(len(order) + 1), 3):
            then = (*now[:first], *now[middle:last], *now[first:middle], *now[last:])
            if then not in came:
                came[then] = (now, (first, middle, last))
                waiting.append(then)
    found = []
    while (step := came[order]) is not None:
        order, swap = step
        found.append(swap)
    return found[::-1]


def _along(model: GraphModule, node: Node) -> Node:
    """A selection or slice along one axis, of (before, axis, after)."""
    (source,) = node.all_input_nodes
    size = shape(source)
    given = node.args[1] if len(node.args) > 1 else 0
    assert isinstance(given, int)
    axis = given % len(size)
    x = reshaped(model, node, source, (prod(size[:axis]), size[axis], prod(size[axis + 1 :])))
    x = call(model, node, node.target, x, 1, *node.args[2:])
    return call(model, node, RESHAPE, x, list(shape(node)))


def _rolled(model: GraphModule, node: Node) -> Node:
    """A roll, one axis at a time, of (before, axis, after)."""
    (source,), size = node.all_input_nodes, shape(node)
    x = source
    shifts, axes = node.args[1], node.args[2] if len(node.args) > 2 else []
    assert isinstance(shifts, list | tuple) and isinstance(axes, list | tuple)
    for shift, given in zip(shifts, axes, strict=True):
        axis = int(given) % len(size)
        x = reshaped(model, node, x, (prod(size[:axis]), size[axis], prod(size[axis + 1 :])))
        x = call(model, node, _ATEN.roll.default, x, [shift], [1])
    return call(model, node, RESHAPE, x, list(size))


def _broadcast_alike(node: Node) -> list[list[int]]:
    """The axes of an operation on single values, joined where all operands broadcast alike."""
    size, padded = shape(node), _padded(node)
    groups: list[list[int]] = []
    for axis in (axis for axis, length in enumerate(size) if length != 1):
        wide = [x[axis] != 1 for x in padded.values()]
        if groups and wide == [x[groups[-1][-1]] != 1 for x in padded.values()]:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return groups


def _padded(node: Node) -> dict[Node, tuple[int, ...]]:
    """The shapes of all operands with as many axes as the result has."""
    rank = len(shape(node))
    return {one: (1,) * (rank - len(shape(one))) + shape(one) for one in node.all_input_nodes}


def _pointwise(model: GraphModule, node: Node, groups: Sequence[Sequence[int]]) -> Node:
    """An operation on single values, with these groups of axes joined."""
    size = shape(node)
    given = {
        one: reshaped(model, node, one, [prod(x[axis] for axis in group) for group in groups])
        for one, x in _padded(node).items()
    }
    args = torch.fx.node.map_arg(node.args, given.__getitem__)
    assert isinstance(args, tuple)
    return call(model, node, RESHAPE, call(model, node, node.target, *args), list(size))


def _inner_axes(node: Node) -> int | None:
    """How many of the last axes a softmax or product minds; None for what is not one of those."""
    if node.target is _ATEN.softmax.int:
        return 1 if node.args[1] in (-1, len(shape(node)) - 1) else None
    batches = {shape(one)[:-2] for one in node.all_input_nodes}
    return 2 if node.target is _ATEN.matmul.default and len(batches) == 1 else None


def _behind(model: GraphModule, node: Node, inner: int) -> Node:
    """The same operation behind a single axis in front of the last `inner` axes."""
    given = {
        one: reshaped(model, node, one, (prod(shape(one)[:-inner]), *shape(one)[-inner:]))
        for one in node.all_input_nodes
    }
    args = torch.fx.node.map_arg(node.args, given.__getitem__)
    assert isinstance(args, tuple)
    args = (args[0], -1, *args[2:]) if inner == 1 else args
    return call(model, node, RESHAPE, call(model, node, node.target, *args), list(shape(node)))


def _unbound(model: GraphModule, node: Node) -> None:
    """An unbind as a selection for each of its parts."""
    (source,) = node.all_input_nodes
    axis = node.args[1] if len(node.args) > 1 else 0
    for part in list(node.users):
        _, index = part.args
        new = call(model, part, _ATEN.select.int, source, axis, index)
        part.replace_all_uses_with(new)
        model.graph.erase_node(part)
        _lowered(model, new)
    model.graph.erase_node(node)


def _join_reshapes(model: GraphModule) -> None:
    """Let a reshape of a reshape read the first one's source; drop those that change nothing."""
    for node in list(model.graph.nodes):
        if node.target not in _VIEWS or not node.users:
            continue
        source = node.all_input_nodes[0]
        while source.target in _VIEWS:
            source = source.all_input_nodes[0]
        new = reshaped(model, node, source, shape(node))
        if new is not node:
            node.replace_all_uses_with(new)
            model.graph.erase_node(node)
