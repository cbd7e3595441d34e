"""Read a written .onnx back and state what it holds and what ONNX Runtime makes of it.

ONNX Runtime's CPU provider has no delegate: it rewrites the graph when it loads a file, and that is
where QuantizeLinear and DequantizeLinear around a convolution become an int8 kernel, or do not. So
the operations that compute in int8 are read from the graph as ONNX Runtime rewrote it on this
machine; a rewritten node keeps the name of the one it stands for (ONNX Runtime 1.31).
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import uses_external_data
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from slide_mobile.artifact.manifest import Graph
from slide_mobile.errors import ArtifactError
from slide_mobile.targets.graph import float_macs

MAX_RANK = 4
# A GiB of float32, 80 times the largest tensor of slide_swin_base at 224 pixels. More is a file
# that wants to fill the memory: a few bytes can ask for any size.
MAX_ELEMENTS = 1 << 28
_OWN_DOMAINS = frozenset({"", "ai.onnx"})

# What onnx and ONNX Runtime raise on a file that does not hold together.
ERRORS = (
    DecodeError,
    UnicodeDecodeError,  # onnx reports a name that is not UTF-8 and fails to
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)

_INT8_KERNELS = frozenset(
    {
        "ConvInteger", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat",
        "QGemm", "QLinearConv", "QLinearMatMul",
    }
)  # fmt: skip
# First release that takes a file of this (opset, IR version): onnxruntime.ai, "ONNX Runtime
# compatibility". 1.17 for (20, 9) was confirmed by runs of all three precisions; 1.16 refuses it.
_RELEASES = {(18, 8): "1.14", (19, 9): "1.15", (20, 9): "1.17", (21, 10): "1.18"}

Shapes = Mapping[str, tuple[int, ...]]


def inspect(path: Path) -> Graph:
    """Facts about a .onnx file, from its bytes and from ONNX Runtime's CPU provider."""
    model = read(path)
    rewritten = _rewritten(model, path)
    nodes = model.graph.node
    shapes = _shapes(model)
    in_int8 = {node.name for node in rewritten.graph.node if node.op_type in _INT8_KERNELS}
    macs = _macs_by_kind(nodes, shapes, in_int8)
    total = sum(macs.values())
    release, remarks = _min_runtime(model)
    return Graph(
        ops=dict(sorted(Counter(node.op_type for node in nodes).items())),
        max_rank=max((len(shape) for shape in shapes.values()), default=0),
        partitions=0,
        delegated_ops=0,
        total_ops=len(nodes),
        int8_mac_fraction=sum(n for (_, int8), n in macs.items() if int8) / total if total else 0.0,
        min_runtime=release,
        findings=(
            f"no delegate: ONNX Runtime's CPU provider runs the {len(nodes)} operations as "
            f"{len(rewritten.graph.node)}",
            *_findings(model, rewritten, shapes),
            *float_macs(macs),
            *remarks,
        ),
    )


def read(path: Path) -> ModelProto:
    """The model, valid, whole and with all its shapes; raises ArtifactError in one line."""
    return _checked(path, _bytes(path))


def content(path: Path) -> bytes:
    """The bytes of a file that `read` accepts; raises ArtifactError."""
    found = _bytes(path)
    _checked(path, found)
    return found


def _checked(path: Path, found: bytes) -> ModelProto:
    """The model with shapes that are inferred, not claimed, and none too large to compute."""
    model = _parsed(path, found)
    graph = model.graph
    # Nested functions can stand for endlessly many operations, a loop runs as long as it likes, and
    # a sparse tensor is made dense.
    inner = any(part.HasField("g") or part.graphs for n in graph.node for part in n.attribute)
    if inner or model.functions or graph.sparse_initializer:
        raise ArtifactError(f"{path} has functions, control flow or sparse tensors; none is run")
    try:
        onnx.checker.check_model(model)
        _forget_claims(model)
        whole = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except ERRORS as error:
        raise damaged(path, error) from error
    _refuse_absurd(path, whole)
    return whole


def _forget_claims(model: ModelProto) -> None:
    """Drop the shapes, in place, that the file claims for what onnx can infer by itself."""
    graph = model.graph
    own = {name for node in graph.node if node.domain in _OWN_DOMAINS for name in node.output}
    kept = [value for value in graph.value_info if value.name not in own]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    for value in graph.output:
        if value.name in own:
            value.type.tensor_type.ClearField("shape")


def _refuse_absurd(path: Path, model: ModelProto) -> None:
    """Stop before ONNX Runtime allocates tensors of unknown or absurd size."""
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
            raise ArtifactError(f"{path} does not fix the size of tensor {name!r}; none is run")
        if prod(fixed[name]) > MAX_ELEMENTS:
            raise ArtifactError(
                f"{path} claims the shape {fixed[name]} for tensor {name!r}; it is damaged"
            )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(path: Path, found: bytes) -> ModelProto:
    """The model as it was written; refuses tensors in other files, which no digest covers."""
    try:
        model = onnx.load_model_from_string(found)
    except ERRORS as error:
        raise damaged(path, error) from error
    outside = next((tensor for tensor in _tensors(model) if uses_external_data(tensor)), None)
    if outside is not None:
        raise ArtifactError(
            f"{path} keeps tensor {outside.name!r} in another file; save it with all its tensors"
        )
    return model


def _tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in a message: dense or sparse, of the graph, a node, a function."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if isinstance(value, Message) else value:
                yield from _tensors(part)


def damaged(path: Path, error: Exception) -> ArtifactError:
    """The one line for a file that does not hold together."""
    reason = " ".join(str(error).split())[:200] or "no reason given"
    return ArtifactError(f"{path} is damaged, or is not an ONNX model: {reason}; convert it again")


def _rewritten(model: ModelProto, path: Path) -> ModelProto:
    """The graph as ONNX Runtime runs it, before it picks memory layouts for this CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rewritten.onnx")
        options.optimized_model_filepath = str(file)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except ERRORS as error:
            raise damaged(path, error) from error
        return onnx.load(file)


def _shapes(model: ModelProto) -> Shapes:
    """Shape of every tensor of a model that `read` accepted."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    return shapes


# Multiply-adds from the shapes of output, first and second input.
_MACS: dict[str, Callable[[Sequence[tuple[int, ...]]], int]] = {
    "Conv": lambda shapes: prod(shapes[0]) * prod(shapes[2][1:]),
    "Gemm": lambda shapes: prod(shapes[0]) * (prod(shapes[1]) // shapes[0][0]),
    "MatMul": lambda shapes: prod(shapes[0]) * shapes[1][-1],
}


def _macs_by_kind(
    nodes: Iterable[NodeProto], shapes: Shapes, in_int8: set[str]
) -> Counter[tuple[str, bool]]:
    """Multiply-adds by operation, and whether the kernel computes in int8."""
    macs: Counter[tuple[str, bool]] = Counter()
    for node in nodes:
        if node.op_type in _MACS:
            operands = [shapes[name] for name in (node.output[0], *node.input[:2])]
            macs[node.op_type, node.name in in_int8] += _MACS[node.op_type](operands)
    return macs


def _findings(model: ModelProto, rewritten: ModelProto, shapes: Shapes) -> list[str]:
    """What a person should know about the graph, a line each."""
    found = []
    high = sorted(name for name, shape in shapes.items() if len(shape) > MAX_RANK)
    if high:
        first = f"{high[0]!r} {list(shapes[high[0]])}"
        found.append(f"{len(high)} tensors have a rank above {MAX_RANK}, the first is {first}")
    foreign = sorted({n.op_type for n in model.graph.node if n.domain not in _OWN_DOMAINS})
    if foreign:
        found.append(f"operations that are not ONNX's own: {', '.join(foreign)}")
    run, written = (sum(n.op_type == "Cast" for n in m.graph.node) for m in (rewritten, model))
    half = any(t.data_type == onnx.TensorProto.FLOAT16 for t in model.graph.initializer)
    if half and run > written:
        found.append(
            f"the CPU provider computes fp16 operations in fp32 and adds {run - written} casts: "
            "the file is smaller than fp32, and not faster"
        )
    return found


def _min_runtime(model: ModelProto) -> tuple[str | None, list[str]]:
    """The first ONNX Runtime that takes this opset and IR version, and a remark if unknown."""
    opset = next((o.version for o in model.opset_import if o.domain in _OWN_DOMAINS), 0)
    release = _RELEASES.get((opset, model.ir_version))
    if release is None:
        return None, [f"oldest runtime unknown for opset {opset}, IR version {model.ir_version}"]
    return release, []
