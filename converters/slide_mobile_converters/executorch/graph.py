"""Facts about a written .pte: its delegates, the operations inside them and those outside."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import XNNGraph
from executorch.exir._serialize._program import PTEFile
from executorch.exir.schema import DelegateCall, ExecutionPlan, KernelCall

from mil_evaluator import Operation
from slide_mobile.artifact.manifest import Graph
from slide_mobile.targets.graph import counted, float_macs
from slide_mobile.targets.registry import needs_toolchain
from slide_mobile_converters.executorch import reading, xnnpack_graph
from slide_mobile_converters.executorch.metadata import EXPORTER
from slide_mobile_converters.executorch.reading import COREML, XNNPACK
from slide_mobile_converters.executorch.xnnpack_graph import Value

MAX_RANK = 4
_INT8 = {"qint8", "qcint8"}
# A type that only files of this precision have, the narrowest first.
_PRECISIONS = {
    "qdint8": "int8-dynamic",
    "qint8": "int8",
    "qcint8": "int8",
    "fp16": "fp16",
}
_BORDERS = {"XNNConvert", "XNNStaticTranspose"}
_MANY_BORDERS = 0.25  # share of conversions and transposes from which they are a finding


@dataclass(frozen=True, kw_only=True)
class Op:
    """An operation inside a delegate."""

    name: str
    inputs: Mapping[str, Value]
    outputs: tuple[Value, ...]  # at least one


def inspect(path: Path) -> Graph:
    """Facts about a .pte; raises ArtifactError if it is damaged."""
    file = reading.read(path)
    with reading.artifact_errors(path):
        return _of_coreml(file) if reading.first_delegate(file) == COREML else _of_xnnpack(file)


def precision(path: Path) -> str:
    """Name of the precision in which the delegates compute; raises ArtifactError."""
    file = reading.read(path)
    with reading.artifact_errors(path):
        if reading.first_delegate(file) == COREML:
            return "fp16" if "fp16" in _coreml_types(file) else "fp32"
        types = {value.dtype for graph in _graphs(file) for value in _values(graph)}
    return next((name for kind, name in _PRECISIONS.items() if kind in types), "fp32")


def _graphs(file: PTEFile) -> Iterator[XNNGraph]:
    """The graphs in the file's XNNPACK delegates."""
    for delegate in reading.method(file).delegates:
        if delegate.id == XNNPACK:
            yield _graph(reading.blob(file, delegate))


@functools.lru_cache(maxsize=1)  # precision and facts of one file are read one after the other
def _graph(content: bytes) -> XNNGraph:
    """The graph in a delegate, for those who do not change it."""
    return xnnpack_graph.read(content)


def _values(graph: XNNGraph) -> Iterable[Value]:
    """The tensors of a graph."""
    return xnnpack_graph.values(graph).values()


def _of_xnnpack(file: PTEFile) -> Graph:
    """Facts about the graphs in the file's XNNPACK delegates, if it has any."""
    plan = reading.method(file)
    outside = list(_outside(plan))
    graphs = list(_graphs(file))
    ops = [op for graph in graphs for op in operations(graph)]
    macs = _macs(ops)
    tensors = [value for graph in graphs for value in _values(graph)]
    total = sum(macs.values())
    in_int8 = sum(count for (_, int8), count in macs.items() if int8)
    names = [op.name.removeprefix("XNN") for op in ops] + outside
    return Graph(
        ops=dict(sorted(Counter(names).items())),
        max_rank=max((len(value.shape) for value in tensors), default=0),
        partitions=len(plan.delegates),
        delegated_ops=len(ops),
        total_ops=len(names),
        int8_mac_fraction=in_int8 / total if total else 0.0,
        min_runtime=_exporter(file),
        findings=(*_findings(plan, outside, ops), *float_macs(macs)),
    )


def _of_coreml(file: PTEFile) -> Graph:
    """Facts about the MIL program in the file's only delegate; it computes in float."""
    plan = reading.method(file)
    operations = _coreml_operations(file)
    outside = list(_outside(plan))
    return Graph(
        ops=dict(sorted(Counter([*(op.type for op in operations), *outside]).items())),
        max_rank=max((len(shape) for op in operations for shape in op.shapes), default=0),
        partitions=len(plan.delegates),
        delegated_ops=len(operations),
        total_ops=len(operations) + len(outside),
        int8_mac_fraction=0.0,
        min_runtime=_exporter(file),
        findings=(
            "Core ML chooses CPU, GPU or Neural Engine for each operation on the device",
            *_findings(plan, outside, []),
        ),
    )


def _coreml_operations(file: PTEFile) -> Sequence[Operation]:
    """The operations of the MIL program in the file's only delegate."""
    with needs_toolchain("executorch"):
        from slide_mobile_converters.executorch import coreml_delegate
    return coreml_delegate.mil(file).operations


def _coreml_types(file: PTEFile) -> set[str]:
    """The types of all results of that program."""
    return {dtype for op in _coreml_operations(file) for dtype in op.dtypes}


def _exporter(file: PTEFile) -> str | None:
    """The release that wrote the file; older ones may not read it."""
    (release,) = reading.constants(file).get(EXPORTER, (None,))
    return release


def _outside(plan: ExecutionPlan) -> Iterator[str]:
    """Names of the operations outside the delegates, which portable kernels compute."""
    for chain in plan.chains:
        for instruction in chain.instructions:
            call = instruction.instr_args
            if isinstance(call, KernelCall):
                operator = plan.operators[call.op_index]
                yield f"{operator.name}.{operator.overload}"
            elif not isinstance(call, DelegateCall):
                yield type(call).__name__


def operations(graph: XNNGraph) -> Iterator[Op]:
    """The operations of one delegate; raises ValueError for one that writes no tensor."""
    values = xnnpack_graph.values(graph)
    for node in graph.xnodes:
        union = node.xnode_union
        numbers = {key: number for key, number in vars(union).items() if key.endswith("_id")}
        present = {key: values[number] for key, number in numbers.items() if number in values}
        name = type(union).__name__
        written = [key for key in present if key.startswith("output_")]  # XNNArgMaxPooling2d: two
        if not written:
            raise ValueError(f"an operation {name} has no output")
        outputs = tuple(present.pop(key) for key in written)
        yield Op(name=name, inputs=present, outputs=outputs)


# Multiply-adds from shapes. Filters are (out, height, width, in); depthwise (1, h, w, c).
_MACS: dict[str, Callable[[Op], int]] = {
    "XNNConv2d": lambda op: prod(op.outputs[0].shape) * prod(op.inputs["filter_id"].shape[1:]),
    "XNNDepthwiseConv2d": lambda op: (
        prod(op.outputs[0].shape) * prod(op.inputs["filter_id"].shape[1:3])
    ),
    "XNNFullyConnected": lambda op: prod(op.outputs[0].shape) * op.inputs["filter_id"].shape[-1],
    "XNNBatchMatrixMultiply": lambda op: (
        prod(op.outputs[0].shape) * op.inputs["input1_id"].shape[-1]
    ),
}


def _macs(ops: Iterable[Op]) -> Counter[tuple[str, bool]]:
    """Multiply-adds by operation, and whether its weights, and so its kernel, are int8."""
    macs: Counter[tuple[str, bool]] = Counter()
    for op in ops:
        if op.name in _MACS:
            weights = op.inputs.get("filter_id")
            macs[op.name, weights is not None and weights.dtype in _INT8] += _MACS[op.name](op)
    return macs


def _findings(plan: ExecutionPlan, outside: list[str], ops: list[Op]) -> list[str]:
    """What a person should know about the graph, one line each."""
    found = []
    if outside:
        found.append(f"operations outside the delegate: {counted(outside)}")
    if len(plan.delegates) > 1:
        found.append(f"the delegate splits the graph into {len(plan.delegates)} partitions")
    if other := [d.id for d in plan.delegates[1:] if d.id != XNNPACK]:
        found.append(f"delegates whose graph is not shown: {counted(other)}")
    written = [(op.name, list(value.shape)) for op in ops for value in op.outputs]
    high = [f"{name} {shape}" for name, shape in written if len(shape) > MAX_RANK]
    if high:
        found.append(f"{len(high)} tensors have a rank above {MAX_RANK}, first {high[0]}")
    borders = [op.name.removeprefix("XNN") for op in ops if op.name in _BORDERS]
    if len(borders) > _MANY_BORDERS * len(ops):
        found.append(f"many operations only change format or layout: {counted(borders)}")
    return found
