"""Changes to the exported program that only ExecuTorch's XNNPACK delegate needs.

In dynamic int8, a 1x1 convolution behind a reshape becomes a linear between two permutes.
executorch 1.4 lowers such a convolution wrongly: `ChannelsLastTaggedReshapePass.input_to_nhwc`
walks past the operation before it, up to the input of the graph. A linear is lowered correctly, and
has one range for each token. The permutes cost nothing: XNNPACK keeps the maps of convolutions
channels last and those of reshapes as they are, so a transpose is needed there anyway. A linear on
tokens of rank 4 becomes a linear on a matrix of tokens, because of another bug with layouts.

In static int8, a pad with zeros becomes a pad with 1e-30. `InsertPadQDQPass` assumes that every
zero pad behind an int8 convolution is followed by another one, and the result does not load.

In fp16, GELU becomes x * sigmoid(x * (a + b x^2)), because ExecuTorch's partitioner does not take
GELU in fp16. a and b minimize the largest error over all x, which is 2.7e-4 (the usual tanh form:
4.7e-4): half a step of fp16 at 1. On maps, a + b x^2 is a depthwise convolution, because a constant
next to a map costs two transposes.
"""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.fx.node import Argument

from slide_mobile.tasks import deployed_path

_ATEN = torch.ops.aten
CONV, LINEAR = _ATEN.conv2d.default, _ATEN.linear.default
_ADD, _MUL = _ATEN.add.Tensor, _ATEN.mul.Tensor
# A slice counts, too: it crops a map that was put together from windows.
_RESHAPES = {_ATEN.reshape.default, _ATEN.view.default, _ATEN.flatten.using_ints}
_RESHAPES |= {_ATEN.slice.Tensor}
_NEXT_TO_ZERO = 1e-30
_GELU = {"a": 1.60028412, "b": 0.06941547}
_TO_TOKENS, _TO_MAPS = [0, 2, 3, 1], [0, 3, 1, 2]


def linears_behind_reshapes(model: GraphModule) -> None:
    """Replace each dense 1x1 convolution whose input is a reshape, in place.

    Linears that share an input stay next to each other (see `siblings_together`).
    """
    for image in [node for node in model.graph.nodes if node.target in _RESHAPES]:
        if not (convs := _pointwise(image)):
            continue
        tokens = _call(model, convs[0], _ATEN.permute.default, image, _TO_TOKENS)
        for conv in convs:
            _, weight, *rest = conv.args
            assert isinstance(weight, Node)
            _flatten(model, weight)
            linear = _call(model, conv, LINEAR, tokens, weight, *rest[:1])
            first = min(conv.users, key=list(model.graph.nodes).index)
            maps = _call(model, first, _ATEN.permute.default, linear, _TO_MAPS)
            conv.replace_all_uses_with(maps)
            model.graph.erase_node(conv)
    model.recompile()


def linears_on_rows(model: GraphModule) -> None:
    """Flatten the input of each dense linear on tokens of rank 4 to a matrix, in place.

    Behind maps, executorch 1.4 changes the layout between a dynamically quantized input of rank 4
    and its linear, and then refuses it: "Weight and Input should both be quantized". Linears that
    share an input stay next to each other (see `siblings_together`).
    """
    order = {node: number for number, node in enumerate(model.graph.nodes)}
    for image in order:
        linears = [node for node in image.users if node.target == LINEAR and node.args[0] is image]
        if not linears or image.meta["val"].ndim != 4:
            continue
        linears.sort(key=order.__getitem__)
        for before, linear in pairwise(linears):
            before.append(linear)
        *size, channels = image.meta["val"].shape
        rows = _call(model, linears[0], _ATEN.reshape.default, image, [-1, channels])
        for linear in linears:
            replacement = _call(model, linear, LINEAR, rows, *linear.args[1:])
            first = min(linear.users, key=order.__getitem__)
            shape = [*size, linear.meta["val"].shape[-1]]
            back = _call(model, first, _ATEN.reshape.default, replacement, shape)
            linear.replace_all_uses_with(back)
            model.graph.erase_node(linear)
    model.recompile()


def siblings_together(model: GraphModule) -> None:
    """Move dense 1x1 convolutions that share an input next to the first of them, in place.

    In dynamic int8 they share the range of the input, too, and are one group for the partitioner.
    It merges in the order of the graph, so an operation between them would cut the delegate in two.
    """
    order = {node: number for number, node in enumerate(model.graph.nodes)}
    for image in order:
        for before, conv in pairwise(sorted(_pointwise(image), key=order.__getitem__)):
            before.append(conv)
    model.recompile()


def pads_next_to_zero(model: GraphModule) -> None:
    """Pad with 1e-30 instead of 0, in place."""
    for node in _nodes(model, _ATEN.pad.default):
        assert len(node.args) == 2, "pads of the deploy form are of zeros"
        node.args = (*node.args, "constant", _NEXT_TO_ZERO)
    model.recompile()


def half_input(program: ExportedProgram) -> ExportedProgram:
    """The program with an fp16 input; the delegate chooses its inner types itself."""
    (name, example), *_ = program.example_inputs[1].items()
    model = copy.deepcopy(program.module())
    (image,) = _nodes(model, name)
    first = next(node for node in model.graph.nodes if node.op == "call_function")
    full = _call(model, first, _ATEN.to.dtype, image, torch.float32)
    image.replace_all_uses_with(full, lambda user: user.op == "call_function" and user is not full)
    model.recompile()
    return torch.export.export(model, (), {name: example.half()})


def half(program: ExportedProgram) -> ExportedProgram:
    """The program in fp16, input and output included."""
    (name, example), *_ = program.example_inputs[1].items()
    model = copy.deepcopy(program.module())  # half() changes weights in place
    for node in _nodes(model, _ATEN.gelu.default):
        node.replace_all_uses_with(_sigmoid_gelu(model, node))
        model.graph.erase_node(node)
    model.recompile()
    return torch.export.export(model.half(), (), {name: example.half()})


def _sigmoid_gelu(model: GraphModule, node: Node) -> Node:
    (x,) = node.args
    assert isinstance(x, Node)
    rank, channels = x.meta["val"].ndim, x.meta["val"].shape[1]
    shapes = (
        {"a": (channels,), "b": (channels, 1, 1, 1)} if rank == 4 else dict.fromkeys("ab", (1,))
    )
    names = {letter: f"gelu_{letter}_{'_'.join(map(str, shapes[letter]))}" for letter in _GELU}
    for letter, value in _GELU.items():
        model.register_buffer(names[letter], torch.full(shapes[letter], value))
    with model.graph.inserting_before(node):
        a, b = (model.graph.get_attr(names[letter]) for letter in "ab")
    square = _call(model, node, _ATEN.square.default, x)
    if rank == 4:
        ones, zeros = [1, 1], [0, 0]
        slope = _call(model, node, CONV, square, b, a, ones, zeros, ones, channels)
    else:
        slope = _call(model, node, _ADD, _call(model, node, _MUL, square, b), a)
    gate = _call(model, node, _ATEN.sigmoid.default, _call(model, node, _MUL, x, slope))
    return _call(model, node, _MUL, x, gate)


def module_path(node: Node) -> str:
    """Path of the module that a node belongs to."""
    path: str = list(node.meta["nn_module_stack"].values())[-1][0]
    return deployed_path(path)


def groups(node: Node) -> int:
    """Number of groups of a convolution; 1 for a linear."""
    given = node.args[6] if len(node.args) > 6 else 1
    assert isinstance(given, int)
    return given


def _pointwise(image: Node) -> list[Node]:
    """The dense 1x1 convolutions that read a map."""
    convs = [node for node in image.users if node.target == CONV and node.args[0] is image]
    return [conv for conv in convs if groups(conv) == 1 and _kernel(conv) == (1, 1)]


def _kernel(conv: Node) -> tuple[int, ...]:
    weight = conv.args[1]
    assert isinstance(weight, Node)
    return tuple(weight.meta["val"].shape[2:])


def _flatten(model: GraphModule, weight: Node) -> None:
    """Reshape weights (C_out, C_in, 1, 1) -> (C_out, C_in), in place."""
    assert isinstance(weight.target, str)
    path, _, name = weight.target.rpartition(".")
    matrix = model.get_parameter(weight.target).detach().flatten(1)
    setattr(model.get_submodule(path), name, nn.Parameter(matrix, requires_grad=False))
    weight.meta["val"] = weight.meta["val"].flatten(1)


def _nodes(model: GraphModule, target: OpOverload | str) -> list[Node]:
    """The nodes of one operation, or the input of that name, in the order of the graph."""
    return [node for node in model.graph.nodes if node.target == target]


def _call(model: GraphModule, like: Node, target: OpOverload, *args: Argument) -> Node:
    """A new node before `like`, in the same module."""
    with model.graph.inserting_before(like):
        node = model.graph.call_function(target, args)
    node.meta["nn_module_stack"] = like.meta["nn_module_stack"]
    return node
