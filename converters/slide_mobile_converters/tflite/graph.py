"""Facts about a written .tflite, and about the partitions that LiteRT makes of it.

Delegate partitions are counted in the interpreter, not predicted. When a delegate is applied, the
node table keeps every original node and gets one more node for each partition (`Subgraph::
ReplaceNodeSubsetsWithDelegateKernels`, tflite/core/subgraph.cc in google-ai-edge/LiteRT). So the
nodes that `allocate_tensors` adds are the partitions. Each lists the tensors that enter and leave
it; all operations between these run inside. XNNPACK's choice depends on the CPU, so another machine
may cut the graph differently.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from slide_mobile.artifact.manifest import Graph
from slide_mobile.targets.graph import counted, float_macs
from slide_mobile_converters.tflite import ranks, reading
from slide_mobile_converters.tflite.operations import Op, Tensor, operands
from slide_mobile_converters.tflite.versions import min_runtime

MAX_RANK = 4  # ML Drift refuses more ("rank > 4"); XNNPACK takes 6
# Types of weights and activations, and of the weights' constant, by the narrowest first.
_PRECISIONS = {
    ("INT8", "INT8", None): "int8",
    ("INT8", "FLOAT32", None): "int8-dynamic",
    ("FLOAT32", "FLOAT32", "INT8"): "int8-weights",
    ("FLOAT32", "FLOAT32", "FLOAT16"): "fp16",
}
_MANY_BORDERS = 0.1  # share of QUANTIZE and DEQUANTIZE from which they are a finding


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How the interpreter runs the first subgraph; `outside` names operations in no partition."""

    partitions: int
    total_ops: int
    outside: tuple[str, ...]


def inspect(path: Path) -> Graph:
    """Facts about a .tflite; raises ArtifactError if it is damaged."""
    model = reading.read(path)
    interpreter = reading.interpreter(model, path)
    subgraphs, tensors = reading.bounded(model, path)
    with reading.artifact_errors(path, reading.UNVERIFIED):
        macs = _macs_by_kind(subgraphs[0])
    plan = _plan(interpreter, path)
    ops = [op for subgraph in subgraphs for op in subgraph]
    total = sum(macs.values())
    in_int8 = sum(count for (_, int8), count in macs.items() if int8)
    release, remarks = min_runtime(ops)
    return Graph(
        ops=dict(sorted(Counter(op.name for op in ops).items())),
        max_rank=max((len(tensor.shape) for tensor in tensors), default=0),
        partitions=plan.partitions,
        delegated_ops=plan.total_ops - len(plan.outside),
        total_ops=plan.total_ops,
        int8_mac_fraction=in_int8 / total if total else 0.0,
        min_runtime=release,
        findings=(*_findings(subgraphs, tensors, plan), *float_macs(macs), *remarks),
    )


def precision(path: Path) -> str:
    """Name of the precision in which the file has its dense layers; raises ArtifactError."""
    model = reading.read(path)
    reading.interpreter(model, path)  # verifies the file
    subgraphs, _ = reading.bounded(model, path)
    ops = [op for subgraph in subgraphs for op in subgraph]
    with reading.artifact_errors(path, reading.UNVERIFIED):
        # Weights behind a DEQUANTIZE are stored in its input's type, and computed with in float.
        of_weights = [op for op in ops if op.name == "DEQUANTIZE" and op.input(0).constant]
        stored = {op.outputs[0].name: op.input(0).dtype for op in of_weights}
        dense = [operands(op) for op in ops if op.name in {"CONV_2D", "FULLY_CONNECTED"}]
        kinds = {
            (weights.dtype, activations.dtype, stored.get(weights.name))
            for activations, weights in dense
        }
    return next((name for kind, name in _PRECISIONS.items() if kind in kinds), "fp32")


def misread(path: Path) -> tuple[str, ...]:
    """Operations that LiteRT's GPU delegate computes wrongly; raises ArtifactError."""
    model = reading.read(path)
    reading.interpreter(model, path)  # verifies the file
    subgraphs, _ = reading.bounded(model, path)
    return tuple(str(found) for ops in subgraphs for found in ranks.misread(ops))


def _plan(interpreter: Interpreter, path: Path) -> _Plan:
    """Apply the default delegate, and see which operations it takes."""
    with reading.artifact_errors(path):
        nodes = interpreter._get_ops_details()
        reading.allocate(interpreter, path)
        delegates = interpreter._get_ops_details()[len(nodes) :]
    producer = {int(tensor): node["index"] for node in nodes for tensor in node["outputs"]}
    inside: set[int] = set()
    for delegate in delegates:
        entering = {int(tensor) for tensor in delegate["inputs"]}
        pending = [int(tensor) for tensor in delegate["outputs"]]
        while pending:
            tensor = pending.pop()
            index = producer.get(tensor)
            if tensor not in entering and index is not None and index not in inside:
                inside.add(index)
                pending += [int(source) for source in nodes[index]["inputs"]]
    outside = tuple(node["op_name"] for node in nodes if node["index"] not in inside)
    return _Plan(partitions=len(delegates), total_ops=len(nodes), outside=outside)


# Multiply-adds from shapes. Filters are (out, height, width, in); depthwise (1, h, w, c).
_MACS: dict[str, Callable[[Op], int]] = {
    "CONV_2D": lambda op: prod(op.outputs[0].shape) * prod(op.input(1).shape[1:]),
    "DEPTHWISE_CONV_2D": lambda op: prod(op.outputs[0].shape) * prod(op.input(1).shape[1:3]),
    "FULLY_CONNECTED": lambda op: prod(op.outputs[0].shape) * op.input(1).shape[-1],
    "BATCH_MATMUL": lambda op: (
        prod(op.outputs[0].shape) * op.input(0).shape[-2 if op.options.adjX else -1]
    ),
    "TRANSPOSE_CONV": lambda op: prod(op.input(2).shape) * prod(op.input(1).shape[:3]),
}


def _macs_by_kind(ops: Iterable[Op]) -> Counter[tuple[str, bool]]:
    """Multiply-adds by operation, and whether its kernel computes in int8.

    That is decided by int8 weights, also with float activations: hybrid kernels quantize these at
    run time. Weights behind a DEQUANTIZE are float for the kernel, and count as float.
    """
    macs: Counter[tuple[str, bool]] = Counter()
    for op in ops:
        if op.name in _MACS:
            activations, weights = operands(op)
            int8 = weights.dtype == "INT8" and activations.dtype in {"INT8", "FLOAT32"}
            macs[op.name, int8] += _MACS[op.name](op)
    return macs


def _findings(
    subgraphs: Sequence[Sequence[Op]], tensors: Iterable[Tensor], plan: _Plan
) -> list[str]:
    """What a person should know about the graph, one line each."""
    ops = [op for subgraph in subgraphs for op in subgraph]
    found = []
    if plan.outside:
        found.append(f"operations outside the delegate: {counted(plan.outside)}")
    if plan.partitions > 1:
        found.append(f"the delegate splits the graph into {plan.partitions} partitions")
    high = [tensor for tensor in tensors if len(tensor.shape) > MAX_RANK]
    if high:
        first = f"{high[0].name!r} {list(high[0].shape)}"
        found.append(f"{len(high)} tensors have a rank above {MAX_RANK}, first {first}")
    if wrong := [found for ops in subgraphs for found in ranks.misread(ops)]:
        found.append(
            f"LiteRT's GPU delegate computes {len(wrong)} operations wrongly, first {wrong[0]}"
        )
    if custom := [op.name for op in ops if op.custom]:
        found.append(f"custom operations, which an app must register: {counted(custom)}")
    of_weights = [op for op in ops if op.name == "DEQUANTIZE" and op.input(0).constant]
    if of_weights:
        found.append(
            f"{len(of_weights)} weights are dequantized in the graph, so they compute in float"
        )
    borders = [op.name for op in ops if op.name in {"QUANTIZE", "DEQUANTIZE"}]
    if len(borders) - len(of_weights) > _MANY_BORDERS * len(ops):
        found.append(f"many operations only change the number format: {counted(borders)}")
    if len(subgraphs) > 1:
        found.append(
            f"{len(subgraphs)} subgraphs: partitions and MACs are counted in the first only"
        )
    return found
