"""Run an fp16 .onnx as hardware that computes in fp16 would: every result is rounded to fp16.

ONNX Runtime's CPU provider computes fp16 operations in fp32 and keeps what lies between them in
fp32, so values over 65504 pass through it. Here the file's own operations get fp32 types, and two
casts behind each result that the file declares fp16: to fp16, where it is rounded or becomes
infinite, and back. Without its graph optimizations ONNX Runtime runs these casts as they are.
An operation's inner sums stay in fp32: hardware with fp16 accumulators rounds more often.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from slide_mobile.targets.converter import Runner
from slide_mobile_converters.onnx import reading, running

_HALF, _SINGLE = TensorProto.FLOAT16, TensorProto.FLOAT


def half_runner(path: Path) -> Runner:
    """ONNX Runtime, with every result rounded to fp16; raises ArtifactError."""
    content = rounded(reading.read(path)).SerializeToString()
    try:
        session = running.session(content, options())
    except reading.ERRORS as error:
        raise reading.damaged(path, error) from error
    return running.of_session(session, path, f"{running.RUNTIME}, every result rounded to fp16")


def options() -> onnxruntime.SessionOptions:
    """Options of a session that runs every cast of a rounded model."""
    chosen = running.options()
    chosen.intra_op_num_threads = os.cpu_count() or 1
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return chosen


def is_half(model: ModelProto) -> bool:
    """Whether the model holds fp16 weights."""
    return any(tensor.data_type == _HALF for tensor in model.graph.initializer)


def rounded(model: ModelProto) -> ModelProto:
    """A model that computes in fp32 and rounds what the model declares fp16.

    `model` has inferred shapes (`reading.read`).
    """
    half = _half_values(model.graph)
    wide = ModelProto()
    wide.CopyFrom(model)
    graph = wide.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for value in (*graph.input, *graph.output):
        if value.name in half:
            value.type.tensor_type.elem_type = _SINGLE
    nodes = [part for node in graph.node for part in _rounding(node, half)]
    del graph.node[:], graph.value_info[:]  # the types of the values between have changed
    graph.node.extend(nodes)
    return wide


def _half_values(graph: GraphProto) -> set[str]:
    """Names of the values that are declared fp16."""
    values = (*graph.input, *graph.output, *graph.value_info)
    return {value.name for value in values if value.type.tensor_type.elem_type == _HALF}


def _rounding(node: NodeProto, half: set[str]) -> Iterator[NodeProto]:
    """Yield a node in fp32, and the casts that round its fp16 outputs."""
    wide = NodeProto()
    wide.CopyFrom(node)
    for attribute in wide.attribute:
        if attribute.HasField("t"):
            _widen(attribute.t)
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _HALF:
            attribute.i = _SINGLE
    casts = []
    for position, name in enumerate(node.output):
        if name in half:
            exact, narrow = f"{name}/exact", f"{name}/half"
            wide.output[position] = exact
            casts.append(helper.make_node("Cast", [exact], [narrow], to=_HALF))
            casts.append(helper.make_node("Cast", [narrow], [name], to=_SINGLE))
    yield from (wide, *casts)


def _widen(tensor: TensorProto) -> None:
    """Turn an fp16 tensor into the same numbers in fp32, in place."""
    if tensor.data_type == _HALF:
        numbers = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
