"""Look inside a .pte: the output of each convolution and linear, and its int8 range.

A delegate does not give out inner tensors. So the file is taken apart, the outputs of its dense
operations are declared as outputs of the XNNPACK graph and of the method, and the result runs in
ExecuTorch's own runtime with the weights of the file. The file lists the module of each operation
(`metadata.MODULES`).
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import XNNGraph
from executorch.backends.xnnpack.utils.xnnpack_constants import (
    XNN_INVALID_VALUE_ID,
    XNN_VALUE_FLAG_EXTERNAL_OUTPUT,
)
from executorch.exir._serialize._program import PTEFile
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import (
    BackendDelegateInlineData,
    EValue,
    ExecutionPlan,
    Tensor,
    TensorShapeDynamism,
)
from numpy.typing import NDArray

from slide_mobile.errors import ArtifactError
from slide_mobile.preprocess import Pixels
from slide_mobile.targets.graph import int8_range
from slide_mobile.targets.registry import needs_toolchain
from slide_mobile_converters.executorch import reading, running, xnnpack_graph
from slide_mobile_converters.executorch.metadata import MODULES
from slide_mobile_converters.executorch.xnnpack_graph import Value

WEIGHTED = {"XNNConv2d", "XNNDepthwiseConv2d", "XNNFullyConnected"}
_SCALARS = {"fp32": ScalarType.FLOAT, "fp16": ScalarType.HALF, "qint8": ScalarType.CHAR}

Activations = dict[str, NDArray[np.float32]]


def activations(path: Path, image: Pixels) -> Activations:
    """Outputs of convolutions and linears by module path, channels last, dequantized.

    Raises ArtifactError for a damaged file, and for one that slide-mobile did not write.
    """
    file = reading.read(path)
    names = reading.constants(file).get(MODULES)
    if names is None:
        raise ArtifactError(f"{path} does not name its modules; convert the model again")
    with reading.artifact_errors(path):
        given = running.tensor(file, image)
        if reading.first_delegate(file) == reading.COREML:
            with needs_toolchain("executorch"):
                from slide_mobile_converters.executorch import coreml_delegate
            return coreml_delegate.activations(file, names, given)
        file = copy.deepcopy(file)
        own = len(reading.method(file).outputs)
        opened = dict(_open(file, names))
        outputs = running.Loaded(reading.write(file), path)(given)[own:]
        pairs = zip(opened.items(), outputs, strict=True)
        return {module: _dequantized(output, value) for (module, value), output in pairs}


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """(lowest, highest) value of the int8 outputs of convolutions and linears, by module path.

    It is empty for Core ML's delegate, which has no int8 here.
    """
    file = reading.read(path)
    names = reading.constants(file).get(MODULES, ())
    found = {}
    with reading.artifact_errors(path):
        for delegate in reading.method(file).delegates:
            if delegate.id != reading.XNNPACK:
                continue
            graph = xnnpack_graph.read(reading.blob(file, delegate))
            values = xnnpack_graph.values(graph)
            for module, number in zip(names, weighted(graph), strict=True):
                value = values[number]
                if module and value.dtype == "qint8" and value.scale is not None:
                    found[module] = int8_range(value.scale, value.zero_point)
    return found


def _open(file: PTEFile, names: Sequence[str]) -> Iterator[tuple[str, Value]]:
    """Make dense results outputs of the method, in place; yields module paths and tensors.

    Raises ValueError unless the program is one delegate whose dense operations match `names`.
    """
    plan = reading.method(file)
    (instruction,), (delegate,) = plan.chains[0].instructions, plan.delegates
    call = instruction.instr_args
    graph = xnnpack_graph.read(reading.blob(file, delegate))
    outputs = list(weighted(graph))
    if len(outputs) != len(names):
        raise ValueError(f"{len(outputs)} convolutions and linears, {len(names)} names")
    values = xnnpack_graph.values(graph)
    for module, number in zip(names, outputs, strict=True):
        if module:
            _publish(graph, number)
            call.args.append(_declare(plan, values[number]))
            yield module, values[number]
    data = file.program.backend_delegate_data
    data[delegate.processed.index] = BackendDelegateInlineData(data=xnnpack_graph.write(graph))


def weighted(graph: XNNGraph) -> Iterator[int]:
    """Numbers of the output tensors of convolutions and linears, in execution order."""
    for node in graph.xnodes:
        if type(node.xnode_union).__name__ in WEIGHTED:
            yield node.xnode_union.output_id


def _publish(graph: XNNGraph, number: int) -> None:
    """Make a tensor an output of the XNNPACK graph."""
    (value,) = (
        held
        for held in (xnnpack_graph.tensor(item.xvalue_union) for item in graph.xvalues)
        if held.id_out == number
    )
    assert value.external_id == XNN_INVALID_VALUE_ID, (
        "an inner tensor of a delegate is not one of its outputs"
    )
    value.external_id, value.flags = graph.num_externs, XNN_VALUE_FLAG_EXTERNAL_OUTPUT
    graph.output_ids.append(number)
    graph.num_externs += 1


def _declare(plan: ExecutionPlan, value: Value) -> int:
    """Make a tensor an output of the method, in the caller's memory; returns its index."""
    tensor = Tensor(
        scalar_type=_SCALARS[value.dtype],
        storage_offset=0,
        sizes=list(value.shape),
        dim_order=list(range(len(value.shape))),
        requires_grad=False,
        layout=0,
        data_buffer_idx=0,
        allocation_info=None,
        shape_dynamism=TensorShapeDynamism.STATIC,
    )
    plan.values.append(EValue(tensor))
    plan.outputs.append(len(plan.values) - 1)
    return len(plan.values) - 1


def _dequantized(output: Any, value: Value) -> NDArray[np.float32]:
    x: NDArray[np.float32] = output.float().numpy()
    if value.scale is None:
        return x
    return (x - np.float32(value.zero_point)) * np.float32(value.scale)
