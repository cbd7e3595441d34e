"""Read a .onnx that may be foreign or damaged; every reader raises ArtifactError in one line.

A model is accepted if onnx finds it valid, if all its tensors are inside the file, and if the shape
of every tensor can be inferred and is not absurd. So what runs later terminates, and needs memory
in proportion to real models.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import uses_external_data
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from slide_mobile.errors import ArtifactError
from slide_mobile.isolation import files

INPUT = "image"
OWN_DOMAINS = frozenset({"", "ai.onnx"})
# A GiB of float32: 80 times the largest tensor of slide_swin_base at 224 pixels. A few bytes in a
# file can ask for any size, so a file that asks for more is refused.
MAX_ELEMENTS = 1 << 28
MAX_HELD = 1 << 29  # of all tensors that are held at one time

# What onnx and ONNX Runtime raise for a damaged file.
ERRORS = (
    DecodeError,
    UnicodeDecodeError,  # onnx fails to report a name that is not UTF-8
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


def module_path(node: NodeProto) -> str:
    """Path of the module that a node of a file of ours belongs to."""
    return node.name.rpartition("/")[0]


def read(path: Path) -> ModelProto:
    """The model with all its shapes."""
    return _checked(path, _bytes(path))


def content(path: Path) -> bytes:
    """The bytes of a file that `read` accepts."""
    found = _bytes(path)
    _checked(path, found)
    return found


def _checked(path: Path, found: bytes) -> ModelProto:
    """The model, valid, with inferred shapes in place of those that the file claims."""
    model = _parsed(path, found)
    graph = model.graph
    # A few nested functions can expand to endlessly many operations, a loop can run for ever, and
    # a small sparse tensor becomes a large dense one.
    inner = any(part.HasField("g") or part.graphs for n in graph.node for part in n.attribute)
    if inner or model.functions or graph.sparse_initializer:
        raise ArtifactError(
            f"{path} has functions, control flow or sparse tensors, which slide-mobile does not run"
        )
    try:
        onnx.checker.check_model(model)
        _forget_claims(model)
        whole = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except ERRORS as error:
        raise damaged(path, error) from error
    _refuse_absurd(path, whole)
    return whole


def _forget_claims(model: ModelProto) -> None:
    """Drop the claimed shapes of tensors that onnx can infer, in place."""
    graph = model.graph
    own = {name for node in graph.node if node.domain in OWN_DOMAINS for name in node.output}
    kept = [value for value in graph.value_info if value.name not in own]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    for value in graph.output:
        if value.name in own:
            value.type.tensor_type.ClearField("shape")


def _refuse_absurd(path: Path, model: ModelProto) -> None:
    """Raise ArtifactError before ONNX Runtime allocates tensors of unknown or absurd size."""
    graph = model.graph
    fixed = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output, *graph.value_info)
        if value.type.tensor_type.HasField("shape")
        and all(size.HasField("dim_value") for size in value.type.tensor_type.shape.dim)
    }
    computed = [name for node in graph.node for name in node.output if name]
    for name in (*(value.name for value in graph.input), *computed):
        if name not in fixed:
            raise ArtifactError(
                f"{path} has a tensor {name!r} without a fixed size; slide-mobile cannot run it"
            )
        if prod(fixed[name]) > MAX_ELEMENTS:
            raise ArtifactError(
                f"{path} is damaged: tensor {name!r} claims the shape {fixed[name]}"
            )
    if (held := _held({name: prod(shape) for name, shape in fixed.items()}, model)) > MAX_HELD:
        raise ArtifactError(
            f"{path} is damaged: its tensors claim {held} values at once, more than {MAX_HELD}"
        )


def _held(sizes: dict[str, int], model: ModelProto) -> int:
    """Most values that computed tensors have at one time, in the order of the operations."""
    last = {name: place for place, node in enumerate(model.graph.node) for name in node.input}
    kept = {value.name for value in model.graph.output}
    alive: set[str] = set()
    now = most = 0
    for place, node in enumerate(model.graph.node):
        made = {name for name in node.output if name}
        alive |= made
        now += sum(sizes[name] for name in made)
        most = max(most, now)
        seen = {name for name in (*node.input, *node.output) if last.get(name, place) <= place}
        ended = (seen & alive) - kept
        alive -= ended
        now -= sum(sizes[name] for name in ended)
    return most


def _bytes(path: Path) -> bytes:
    try:
        return files.read(path, most=files.MOST_MODEL_BYTES)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(path: Path, found: bytes) -> ModelProto:
    """The model as written; refuses tensors in other files, which the digest does not cover."""
    try:
        model = onnx.load_model_from_string(found)
    except ERRORS as error:
        raise damaged(path, error) from error
    outside = next((tensor for tensor in _tensors(model) if uses_external_data(tensor)), None)
    if outside is not None:
        raise ArtifactError(
            f"{path} keeps tensor {outside.name!r} in another file; save all tensors in one file"
        )
    return model


def _tensors(message: Message) -> Iterator[TensorProto]:
    """All tensors in a message, dense or sparse: of the graph, its nodes and functions."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if isinstance(value, Message) else value:
                yield from _tensors(part)


def damaged(path: Path, error: Exception) -> ArtifactError:
    """The error for a damaged file, in one line."""
    reason = " ".join(str(error).split())[:200] or "no reason given"
    return ArtifactError(
        f"{path} is damaged, or is not an ONNX model: {reason}; convert the model again"
    )
