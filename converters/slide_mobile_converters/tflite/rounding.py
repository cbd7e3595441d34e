"""Run a .tflite as hardware that computes in fp16 would: every result is rounded to fp16.

An fp16 .tflite holds fp16 weights, and its operations declare fp32: which arithmetic runs them is
the choice of the delegate, fp16 on a GPU or with the hint of the backend "xnnpack-fp16". Here two
CAST operations follow each operation of the file: to fp16, where the result is rounded or becomes
infinite, and back. Constants are rounded once. LiteRT's builtin kernels run that. An operation's
inner sums stay in fp32: hardware with fp16 accumulators rounds more often.
"""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType
from ai_edge_litert.tools.flatbuffer_utils import (
    convert_bytearray_to_object,
    convert_object_to_bytearray,
    get_builtin_code_from_operator_code,
)

from slide_mobile.targets.converter import Runner
from slide_mobile_converters.tflite import reading, running

_HALF, _SINGLE = schema.TensorType.FLOAT16, schema.TensorType.FLOAT32
_CAST, _DEQUANTIZE = schema.BuiltinOperator.CAST, schema.BuiltinOperator.DEQUANTIZE


def half_runner(path: Path) -> Runner:
    """LiteRT without delegates, with every result rounded to fp16; raises ArtifactError."""
    with reading.artifact_errors(path, reading.UNVERIFIED):
        content = rounded(reading.verified(path))
    interpreter = reading.load_content(
        content,
        path,
        threads=os.cpu_count() or 1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runtime = f"{running.RUNTIME}, every result rounded to fp16"
    return running.of_interpreter(interpreter, path, runtime)


def as_declared(path: Path) -> bytes:
    """The file's program: rounded if it holds fp16 weights, else as it is; raises ArtifactError."""
    model = reading.verified(path)
    _, tensors = reading.bounded(model, path)
    half = any(tensor.dtype == "FLOAT16" for tensor in tensors)
    with reading.artifact_errors(path, reading.UNVERIFIED):
        return rounded(model) if half else model


def rounded(model: bytes) -> bytes:
    """The same program with casts behind each operation that has a float32 result."""
    file = convert_bytearray_to_object(model)
    _round_constants(file)
    cast = _Cast(file)
    for graph in file.subgraphs:
        graph.operators = [part for op in graph.operators for part in cast.behind(op, graph)]
    return bytes(convert_object_to_bytearray(file))


def _round_constants(file: Any) -> None:
    """Round the float32 constants of all graphs to fp16 numbers, in place."""
    for tensor in (tensor for graph in file.subgraphs for tensor in graph.tensors):
        held = file.buffers[tensor.buffer].data
        if held is None or tensor.type != _SINGLE:
            continue
        buffer = schema.BufferT()  # a new one: a tensor of another type may share the old one
        with np.errstate(over="ignore"):
            numbers = np.frombuffer(bytes(held), np.float32).astype(np.float16)
        buffer.data = np.frombuffer(numbers.astype(np.float32).tobytes(), np.uint8)
        tensor.buffer = len(file.buffers)
        file.buffers.append(buffer)


class _Cast:
    """Makes the operations of a file that round float32 results to fp16."""

    def __init__(self, file: Any) -> None:
        self.builtins = [get_builtin_code_from_operator_code(code) for code in file.operatorCodes]
        self.code = len(self.builtins)
        added = schema.OperatorCodeT()
        added.builtinCode = added.deprecatedBuiltinCode = _CAST
        added.version = 1
        file.operatorCodes.append(added)

    def behind(self, op: Any, graph: Any) -> Iterator[Any]:
        """Yield an operation, which now writes new tensors, and the casts to its old ones.

        The new tensors keep the names, so that `probe` finds modules. A DEQUANTIZE is left alone:
        it gives fp16 numbers.
        """
        yield op
        if self.builtins[op.opcodeIndex] == _DEQUANTIZE:
            return
        op.outputs = list(op.outputs)  # flatbuffers gives an array that cannot be written to
        for position, number in enumerate(tuple(op.outputs)):
            result = graph.tensors[number]
            if result.type != _SINGLE:
                continue
            exact, half = (_like(result, kind, graph) for kind in (_SINGLE, _HALF))
            op.outputs[position] = exact
            yield self._cast(exact, half, _SINGLE, _HALF)
            yield self._cast(half, number, _HALF, _SINGLE)

    def _cast(self, source: int, target: int, before: int, after: int) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.code, [source], [target]
        made.builtinOptionsType = schema.BuiltinOptions.CastOptions
        made.builtinOptions = schema.CastOptionsT()
        made.builtinOptions.inDataType, made.builtinOptions.outDataType = before, after
        return made


def _like(tensor: Any, kind: int, graph: Any) -> int:
    """Add a tensor of that type without data to the graph; return its number."""
    made = copy.copy(tensor)
    made.type, made.buffer, made.quantization = kind, 0, None
    graph.tensors.append(made)
    return len(graph.tensors) - 1
