"""Elementwise operations at rank 4, where LiteRT's GPU delegate would misread another rank.

    before   BATCH_MATMUL (8, 16, 16) -> ADD with a constant (1, 8, 16, 16)
    after    BATCH_MATMUL (8, 16, 16) -> RESHAPE (1, 8, 16, 16) -> ADD with the same constant

The exported program has that reshape. litert-converter 0.4.0 drops it, because an addition
broadcasts by itself (RemoveRedundantReshapeUsedAsLhsTo and ...AsRhsTo in tflite/converter/
transforms/optimize_patterns.td of google-ai-edge/LiteRT). On XNNPACK its time is not measurable.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import (
    convert_object_to_bytearray,
    read_model_from_bytearray,
)

from slide_mobile_converters.tflite import ranks
from slide_mobile_converters.tflite.operations import Op, parse


def at_rank_4(model: bytes) -> bytes:
    """The float32 file with each misread elementwise operation between reshapes to rank 4."""
    subgraphs, _ = parse(model)
    wrong = [
        {found.index for found in ranks.misread(ops) if found.operation in ranks.ELEMENTWISE}
        for ops in subgraphs
    ]
    if not any(wrong):
        return model
    file = read_model_from_bytearray(model)
    for graph, ops, indices in zip(file.subgraphs, subgraphs, wrong, strict=True):
        writer = _Writer(file=file, graph=graph)
        steps = zip(graph.operators, ops, strict=True)
        groups = [
            writer.between_reshapes(step, op) if index in indices else [step]
            for index, (step, op) in enumerate(steps)
        ]
        graph.operators = [step for group in groups for step in group]
    return bytes(convert_object_to_bytearray(file))


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Adds tensors and operations to one subgraph of a file."""

    file: Any
    graph: Any

    def between_reshapes(self, step: Any, op: Op) -> list[Any]:
        """The operation at rank 4, with the reshapes before and after it."""
        before, after = [], []
        for place, tensor in enumerate(op.inputs):
            if tensor is None or len(tensor.shape) == ranks.FULL_RANK:
                continue
            if tensor.constant and len(tensor.shape) <= 1:
                continue  # it fits any rank
            narrow = int(step.inputs[place])
            step.inputs[place] = wide = self.at_rank_4(narrow, tensor.shape)
            if not tensor.constant:
                before.append(self.reshape(narrow, wide))
        (output,), (narrow,) = op.outputs, step.outputs
        if len(output.shape) < ranks.FULL_RANK:
            step.outputs[0] = wide = self.at_rank_4(int(narrow), output.shape)
            after.append(self.reshape(wide, int(narrow)))
        return [*before, step, *after]

    def at_rank_4(self, index: int, shape: tuple[int, ...]) -> int:
        """A tensor like another, with leading axes of length 1; a constant shares its data."""
        wide = copy.copy(self.graph.tensors[index])
        wide.shape = np.array((1,) * (ranks.FULL_RANK - len(shape)) + shape, np.int32)
        wide.shapeSignature = None
        return self._add(wide, of=index)

    def reshape(self, source: int, target: int) -> Any:
        """A RESHAPE from one tensor to another."""
        shape, buffer = schema.TensorT(), schema.BufferT()
        wanted = np.array(self.graph.tensors[target].shape, np.int32)
        buffer.data = np.frombuffer(wanted.tobytes(), np.uint8)
        self.file.buffers.append(buffer)
        shape.shape, shape.type = np.array(wanted.shape, np.int32), schema.TensorType.INT32
        shape.buffer = len(self.file.buffers) - 1
        step, step.builtinOptions = schema.OperatorT(), schema.ReshapeOptionsT()
        step.opcodeIndex = self._reshape_code()
        step.inputs = np.array((source, self._add(shape, of=target)), np.int32)
        step.outputs = np.array((target,), np.int32)
        step.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
        step.builtinOptions.newShape = wanted
        return step

    def _add(self, tensor: Any, *, of: int) -> int:
        """Add a tensor, named after the one that it belongs to; names must be unique."""
        index = len(self.graph.tensors)
        tensor.name = self.graph.tensors[of].name.split(b";")[0] + f";rank4.{index}".encode()
        self.graph.tensors.append(tensor)
        return index

    def _reshape_code(self) -> int:
        """The index of RESHAPE among the operation codes of the file."""
        codes = self.file.operatorCodes
        for index, code in enumerate(codes):
            if code.builtinCode == schema.BuiltinOperator.RESHAPE:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
        code.version = 1
        codes.append(code)
        return len(codes) - 1
