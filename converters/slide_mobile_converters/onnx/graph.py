"""Facts about a written .onnx, and about the graph that ONNX Runtime makes of it.

ONNX Runtime's CPU provider has no delegates. It rewrites the graph when it loads a file: only then
do QuantizeLinear and DequantizeLinear around a convolution become an int8 kernel, or remain. So the
operations that compute in int8 are read from the graph that ONNX Runtime wrote on this machine. A
rewritten node has the name of the node that it replaces (ONNX Runtime 1.31).
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from pathlib import Path

import onnx
import onnxruntime
from onnx import ModelProto, NodeProto

from slide_mobile.artifact.manifest import Graph
from slide_mobile.targets.graph import float_macs
from slide_mobile_converters.onnx import running
from slide_mobile_converters.onnx.reading import ERRORS, OWN_DOMAINS, damaged, read

MAX_RANK = 4
_INT8_KERNELS = frozenset(
    {
        "ConvInteger", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat",
        "QGemm", "QLinearConv", "QLinearMatMul",
    }
)  # fmt: skip
# First release that loads a file of this (opset, IR version): onnxruntime.ai, "ONNX Runtime
# compatibility". Runs of all three precisions confirmed 1.17 for (20, 9); 1.16 refuses it.
_RELEASES = {(18, 8): "1.14", (19, 9): "1.15", (20, 9): "1.17", (21, 10): "1.18"}

Shapes = Mapping[str, tuple[int, ...]]


def inspect(path: Path) -> Graph:
    """Facts about a .onnx; raises ArtifactError if it is damaged."""
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
            f"no delegate: ONNX Runtime's CPU provider rewrites {len(nodes)} operations into "
            f"{len(rewritten.graph.node)}",
            *_findings(model, rewritten, shapes),
            *float_macs(macs),
            *remarks,
        ),
    )


def precision(path: Path) -> str:
    """Name of the precision in which the file has its dense layers; raises ArtifactError."""
    graph = read(path).graph
    if any(node.op_type == "QuantizeLinear" for node in graph.node):
        return "int8"
    half = any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in graph.initializer)
    return "fp16" if half else "fp32"


def _rewritten(model: ModelProto, path: Path) -> ModelProto:
    """The graph that ONNX Runtime runs, before it chooses memory layouts for this CPU."""
    options = running.options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rewritten.onnx")
        options.optimized_model_filepath = str(file)
        try:
            running.session(model.SerializeToString(), options)
        except ERRORS as error:
            raise damaged(path, error) from error
        return onnx.load(file)


def _shapes(model: ModelProto) -> Shapes:
    """Shapes of all tensors of a model that `read` accepted, by name."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        shapes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    return shapes


# Multiply-adds, from the shapes of the output and the first two inputs.
_MACS: dict[str, Callable[[Sequence[tuple[int, ...]]], int]] = {
    "Conv": lambda shapes: prod(shapes[0]) * prod(shapes[2][1:]),
    "Gemm": lambda shapes: prod(shapes[0]) * (prod(shapes[1]) // shapes[0][0]),
    "MatMul": lambda shapes: prod(shapes[0]) * shapes[1][-1],
}


def _macs_by_kind(
    nodes: Iterable[NodeProto], shapes: Shapes, in_int8: set[str]
) -> Counter[tuple[str, bool]]:
    """Multiply-adds by operation, and whether its kernel computes in int8."""
    macs: Counter[tuple[str, bool]] = Counter()
    for node in nodes:
        if node.op_type in _MACS:
            operands = [shapes[name] for name in (node.output[0], *node.input[:2])]
            macs[node.op_type, node.name in in_int8] += _MACS[node.op_type](operands)
    return macs


def _findings(model: ModelProto, rewritten: ModelProto, shapes: Shapes) -> list[str]:
    """What a person should know about the graph, one line each."""
    found = []
    high = sorted(name for name, shape in shapes.items() if len(shape) > MAX_RANK)
    if high:
        first = f"{high[0]!r} {list(shapes[high[0]])}"
        found.append(f"{len(high)} tensors have a rank above {MAX_RANK}, first {first}")
    foreign = sorted({n.op_type for n in model.graph.node if n.domain not in OWN_DOMAINS})
    if foreign:
        found.append(f"operations outside the ONNX standard: {', '.join(foreign)}")
    run, written = (sum(n.op_type == "Cast" for n in m.graph.node) for m in (rewritten, model))
    half = any(t.data_type == onnx.TensorProto.FLOAT16 for t in model.graph.initializer)
    if half and run > written:
        found.append(
            f"the CPU provider computes fp16 operations in fp32 and adds {run - written} casts: "
            "the file is smaller than in fp32, but not faster"
        )
    return found


def _min_runtime(model: ModelProto) -> tuple[str | None, list[str]]:
    """The first ONNX Runtime that loads this opset and IR version, or a remark if unknown."""
    opset = next((o.version for o in model.opset_import if o.domain in OWN_DOMAINS), 0)
    release = _RELEASES.get((opset, model.ir_version))
    if release is None:
        return None, [f"oldest runtime unknown for opset {opset}, IR version {model.ir_version}"]
    return release, []
