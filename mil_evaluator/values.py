"""Values of a MIL program, represented in torch.

All floating-point values are float32; an fp16 value is a float32 that fp16 can represent. Integers
narrower than 32 bits keep their width if torch has that width.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from coremltools.converters.mil.mil import types
from torch import Tensor

from mil_evaluator.errors import UnsupportedProgram

Precision = Literal["float32", "float16"]
Value = Tensor | str | tuple["Value", ...]

_TORCH_DTYPES: Mapping[str, torch.dtype] = {
    "fp16": torch.float32,
    "fp32": torch.float32,
    "bool": torch.bool,
    "int4": torch.int8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint1": torch.uint8,
    "uint2": torch.uint8,
    "uint3": torch.uint8,
    "uint4": torch.uint8,
    "uint6": torch.uint8,
    "uint8": torch.uint8,
    "uint16": torch.int32,  # torch's uint16 has no arithmetic
    "uint32": torch.int64,
    "dict": torch.float32,  # the probabilities of a classifier, in the order of its labels
}


def dtype_name(mil_type: Any) -> str:
    """Return the MIL name of an element type: "fp16", "int32", "bool", "str", "list", "dict"."""
    if types.is_tensor(mil_type):
        mil_type = mil_type.get_primitive()
    return "list" if types.is_list(mil_type) else types.builtin_to_string(mil_type)


def constant(value: Any, dtype: str) -> Value:
    """Convert a MIL constant; a list (the labels of a classifier) becomes a tuple of strings.

    Raises UnsupportedProgram for a dtype that torch cannot represent.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(str(item) for item in value)
    return torch.from_numpy(np.array(value)).to(_torch_dtype(dtype))


def declared(value: Value, dtype: str, precision: Precision) -> Value:
    """Convert a value to the declared dtype of its variable.

    At precision "float32", fp16 variables keep float32 values. At "float16" they are rounded to
    fp16: to nearest even, and infinite from 65520 on. Raises UnsupportedProgram as `constant`.
    """
    if not isinstance(value, Tensor):
        return value
    value = value.to(_torch_dtype(dtype))
    return value.half().float() if dtype == "fp16" and precision == "float16" else value


def _torch_dtype(dtype: str) -> torch.dtype:
    """Return the torch dtype that represents a MIL dtype; raises UnsupportedProgram."""
    if dtype not in _TORCH_DTYPES:
        raise UnsupportedProgram(f"values of type {dtype} cannot be evaluated")
    return _TORCH_DTYPES[dtype]
