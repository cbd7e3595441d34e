"""Read a written .tflite back and state what it holds and what LiteRT makes of it.

Delegate partitions are counted in the interpreter itself, not predicted. Applying a delegate leaves
every original node in the node table and appends one node for each partition (`Subgraph::
ReplaceNodeSubsetsWithDelegateKernels`, tflite/core/subgraph.cc in google-ai-edge/LiteRT). So the
nodes that `allocate_tensors` adds are the partitions; an appended node names the tensors that
enter and leave it, and every operation between those borders runs inside. XNNPACK decides by what
the CPU has, so another machine may cut a graph differently.
"""

import contextlib
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from slide_mobile.artifact.manifest import Graph
from slide_mobile.errors import ArtifactError
from slide_mobile.targets.graph import counted, float_macs
from slide_mobile.tasks import LOGITS
from slide_mobile_converters.tflite.operations import Op, Tensor, operands, parse
from slide_mobile_converters.tflite.versions import min_runtime

MAX_RANK = 4  # ML Drift refuses more ("rank > 4"); XNNPACK takes 6
# More is a damaged shape, and allocating what follows from it would stall the machine.
_MAX_TENSOR_BYTES = 1 << 30
_MAX_INPUT_ELEMENTS = 1 << 24  # an RGB image of 2,300 pixels square
# What the flatbuffers verifier leaves to its readers fails there.
_UNVERIFIED = (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)
_MANY_BORDERS = 0.1  # share of QUANTIZE and DEQUANTIZE among all operations worth a remark

Errors = tuple[type[Exception], ...]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How the interpreter runs the first subgraph: partitions, and the operations left outside."""

    partitions: int
    total_ops: int
    outside: tuple[str, ...]


def inspect(path: Path) -> Graph:
    """Facts about a .tflite file, from its bytes and from LiteRT's default interpreter."""
    model = _read(path)
    interpreter = _load(model, path)
    subgraphs, tensors = _bounded(model, path)
    with damaged_if(path, _UNVERIFIED):
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


def load(path: Path, *, threads: int = 1, **options: Any) -> Interpreter:
    """An interpreter, allocated, as apps get it or with `options`; raises ArtifactError."""
    model = _read(path)
    interpreter = _load(model, path, num_threads=threads, **options)
    _bounded(model, path)
    _allocate(interpreter, path)
    return interpreter


def outputs(interpreter: Interpreter) -> dict[str, int]:
    """Tensors by the name of the output: the signature's, where there are several.

    Raises ValueError for several without a signature.
    """
    details = interpreter.get_output_details()
    if len(details) == 1:
        return {LOGITS: int(details[0]["index"])}
    (signature,) = interpreter._get_full_signature_list().values()
    return {name: int(index) for name, index in signature["outputs"].items()}


@contextlib.contextmanager
def damaged_if(path: Path, errors: Errors = (ValueError, RuntimeError)) -> Iterator[None]:
    """Let what LiteRT raises on a file that it cannot take become ArtifactError."""
    try:
        yield
    except errors as error:
        raise _damaged(path, str(error)) from error


def _read(path: Path) -> bytes:
    """The file's bytes; read whole, because a mapped file that is overwritten kills the process."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if model[4:8] != b"TFL3":
        raise ArtifactError(f"{path} is not a .tflite file: it does not carry the mark 'TFL3'")
    return model


def _damaged(path: Path, why: str) -> ArtifactError:
    """The one line for a file that does not hold together."""
    reason = " ".join(why.split()) or "no reason given"
    return ArtifactError(f"{path} is damaged, or LiteRT cannot run it: {reason}; convert it again")


def _load(model: bytes, path: Path, **options: Any) -> Interpreter:
    """An interpreter; it runs the flatbuffers verifier before anything else."""
    with damaged_if(path):
        return Interpreter(model_content=model, **options)


def _bounded(model: bytes, path: Path) -> tuple[list[list[Op]], list[Tensor]]:
    """What `parse` says of a file that the interpreter has verified, none of it endless."""
    with damaged_if(path, _UNVERIFIED):
        subgraphs, tensors = parse(model)
        _refuse_absurd(subgraphs[0], tensors, path)
    if any(op.name == "WHILE" for subgraph in subgraphs for op in subgraph):
        raise _damaged(path, "a loop runs as long as it likes")
    return subgraphs, tensors


def _allocate(interpreter: Interpreter, path: Path) -> None:
    """Allocate the tensors; the shapes that follow from constants need not be those claimed."""
    with damaged_if(path):
        interpreter.allocate_tensors()
        for tensor in interpreter.get_tensor_details():
            shape = [int(length) for length in tensor["shape"]]
            # The memory is reserved by now, but nothing was written to it.
            if prod(shape) * np.dtype(tensor["dtype"]).itemsize > _MAX_TENSOR_BYTES:
                raise _damaged(path, f"tensor {tensor['name']!r} takes the shape {shape}")


def _refuse_absurd(ops: Sequence[Op], tensors: Iterable[Tensor], path: Path) -> None:
    """Stop before the interpreter allocates what a flipped bit in a shape asks for."""
    produced = {tensor for op in ops for tensor in op.outputs}
    sources = {tensor for op in ops for tensor in op.inputs if tensor and not tensor.constant}
    absurd = [tensor for tensor in tensors if tensor.bytes_at_least > _MAX_TENSOR_BYTES]
    absurd += [t for t in sources - produced if prod(t.shape) > _MAX_INPUT_ELEMENTS]
    if absurd:
        shape = list(absurd[0].shape)
        raise _damaged(path, f"tensor {absurd[0].name!r} claims the shape {shape}")


def _plan(interpreter: Interpreter, path: Path) -> _Plan:
    """Let the default delegate cut the graph, and see which operations it took."""
    with damaged_if(path):
        nodes = interpreter._get_ops_details()
        _allocate(interpreter, path)
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


# Multiply-adds from shapes; filters are (out, height, width, in), and (1, h, w, c) depthwise.
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
    """Multiply-adds by operation, and whether the kernel computes in int8.

    int8 weights decide, for float activations too: hybrid kernels quantise those on the fly.
    Weights behind a DEQUANTIZE reach the kernel as float, and count as float.
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
    """What a person should know about the graph, a line each."""
    ops = [op for subgraph in subgraphs for op in subgraph]
    found = []
    if plan.outside:
        found.append(f"left outside the delegate: {counted(plan.outside)}")
    if plan.partitions > 1:
        found.append(f"the delegate cuts the graph into {plan.partitions} partitions")
    high = [tensor for tensor in tensors if len(tensor.shape) > MAX_RANK]
    if high:
        first = f"{high[0].name!r} {list(high[0].shape)}"
        found.append(f"{len(high)} tensors have a rank above {MAX_RANK}, the first is {first}")
    if custom := [op.name for op in ops if op.custom]:
        found.append(f"custom operations, which apps must register: {counted(custom)}")
    of_weights = [op for op in ops if op.name == "DEQUANTIZE" and op.input(0).constant]
    if of_weights:
        found.append(
            f"{len(of_weights)} weights are dequantised in the graph: they compute in float"
        )
    borders = [op.name for op in ops if op.name in {"QUANTIZE", "DEQUANTIZE"}]
    if len(borders) - len(of_weights) > _MANY_BORDERS * len(ops):
        found.append(f"much of the graph only changes number format: {counted(borders)}")
    if len(subgraphs) > 1:
        found.append(f"{len(subgraphs)} subgraphs: partitions and MACs are those of the first")
    return found
