"""The operations and tensors of a .tflite as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType
from ai_edge_litert.tools.flatbuffer_utils import (
    convert_bytearray_to_object,
    get_builtin_code_from_operator_code,
)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of the file; `dtype` is a name of TensorType, such as "INT8"."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool
    per_channel: bool

    @property
    def bytes_at_least(self) -> int:
        """A lower bound on its size in memory: narrow types count as one byte an element."""
        return prod(self.shape) * (4 if self.dtype in {"FLOAT32", "INT32"} else 1)


@dataclass(frozen=True, kw_only=True)
class Op:
    """An operation of the file; an optional input that is absent is None."""

    name: str
    custom: bool
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Any

    def input(self, index: int) -> Tensor:
        """A required input; raises ValueError if it is absent."""
        tensor = self.inputs[index]
        if tensor is None:
            raise ValueError(f"{self.name} has no input {index}")
        return tensor


def operands(op: Op) -> tuple[Tensor, Tensor]:
    """The activations and the weights of an operation that multiplies."""
    return op.input(2 if op.name == "TRANSPOSE_CONV" else 0), op.input(1)


def parse(model: bytes) -> tuple[list[list[Op]], list[Tensor]]:
    """Operations of each subgraph, and all tensors of the file."""
    file = convert_bytearray_to_object(model)
    dtypes = {code: name for name, code in vars(TensorType).items() if isinstance(code, int)}
    names = {code: name for name, code in vars(BuiltinOperator).items() if isinstance(code, int)}
    subgraphs: list[list[Op]] = []
    everything: list[Tensor] = []
    for subgraph in file.subgraphs:
        tensors = [_tensor(tensor, file.buffers, dtypes) for tensor in subgraph.tensors or ()]
        everything += tensors
        ops = []
        for op in subgraph.operators or ():
            code = file.operatorCodes[op.opcodeIndex]
            custom = code.customCode is not None
            builtin = names[get_builtin_code_from_operator_code(code)]
            ops.append(
                Op(
                    name=code.customCode.decode(errors="replace") if custom else builtin,
                    custom=custom,
                    version=code.version,
                    inputs=tuple(tensors[i] if i >= 0 else None for i in _ints(op.inputs)),
                    outputs=tuple(tensors[i] for i in _ints(op.outputs)),
                    options=op.builtinOptions,
                )
            )
        subgraphs.append(ops)
    return subgraphs, everything


def _ints(vector: Sequence[int] | None) -> list[int]:
    """A vector of the flatbuffer as integers; an absent one is empty."""
    return [] if vector is None else [int(value) for value in vector]


def _tensor(tensor: Any, buffers: Sequence[Any], dtypes: dict[int, str]) -> Tensor:
    """One tensor; its data can be in the flatbuffer, or behind it at an offset."""
    buffer = buffers[tensor.buffer]
    scales = tensor.quantization.scale if tensor.quantization else None
    return Tensor(
        name=(tensor.name or b"").decode(errors="replace"),
        shape=tuple(_ints(tensor.shape)),
        dtype=dtypes[tensor.type],
        constant=buffer.data is not None or buffer.offset > 1,
        per_channel=scales is not None and len(scales) > 1,
    )
