"""The graph inside an XNNPACK delegate of a .pte: read, and written again.

ExecuTorch's Python package has the schema of these graphs and the code that writes them, but none
that reads them. So they are read with the flatc of the same package. Format: executorch 1.4,
backends/xnnpack/serialization/schema.fbs.
"""

import importlib.resources
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from executorch.backends.xnnpack import serialization
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNGraph,
    XNNQuantizedTensorValue,
)
from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import (
    XNNHeader,
    serialize_xnnpack_binary,
)
from executorch.exir._serialize._dataclass import _json_to_dataclass
from executorch.exir._serialize._flatbuffer import _get_flatc_path

from slide_mobile_converters.executorch.reading import MAX_BYTES


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor of an XNNPACK graph; `dtype` is a name of XNNDatatype, such as "qint8"."""

    shape: tuple[int, ...]  # maps are channels last
    dtype: str
    constant: bool
    scale: float | None  # None for float, and for one scale a channel
    zero_point: int


def read(content: bytes) -> XNNGraph:
    """The graph in the bytes of an XNNPACK delegate."""
    header = XNNHeader.from_bytes(content[: XNNHeader.EXPECTED_LENGTH])
    end = header.flatbuffer_offset + header.flatbuffer_size
    with tempfile.TemporaryDirectory() as folder:
        schema, binary = Path(folder, "schema.fbs"), Path(folder, "graph.bin")
        fields = importlib.resources.files(serialization).joinpath(schema.name)
        schema.write_bytes(fields.read_bytes())
        binary.write_bytes(content[header.flatbuffer_offset : end])
        _to_json(schema, binary)
        plain = json.loads(_with_infinities(Path(folder, "graph.json").read_text()))
    parsed: XNNGraph = _json_to_dataclass(plain, XNNGraph)
    return parsed


def _to_json(schema: Path, binary: Path) -> None:
    """Write a flatbuffer as JSON beside it; raises CalledProcessError for a damaged file."""
    flags = ("--json", "--defaults-json", "--strict-json", "-o", binary.parent)
    command = (_get_flatc_path(), *flags, schema, "--", binary)
    subprocess.run(command, check=True, capture_output=True)


def _with_infinities(text: str) -> str:
    """Flatc's JSON as Python reads it: a relu is a clamp to `inf`, which Python calls Infinity."""
    return re.sub(r'(?m)(^\s*|": )(-?)inf(?=,?$)', r"\1\2Infinity", text)


def write(parsed: XNNGraph) -> bytes:
    """The bytes of a delegate: the inverse of `read`. Weights are kept in the .pte, by name."""
    return serialize_xnnpack_binary(parsed, bytearray())


def values(parsed: XNNGraph) -> dict[int, Value]:
    """The tensors of a graph, by the number that operations refer to them by."""
    return {tensor(item.xvalue_union).id_out: _value(item.xvalue_union) for item in parsed.xvalues}


def tensor(value: Any) -> Any:
    """The XNNTensorValue of a value, quantized or not."""
    return value.tensor_value if isinstance(value, XNNQuantizedTensorValue) else value


def _value(value: Any) -> Value:
    quantized = isinstance(value, XNNQuantizedTensorValue)
    held, parameters = tensor(value), value.quant_params if quantized else None
    scale = getattr(parameters, "scale", None)
    if prod(held.dims) * 4 > MAX_BYTES:  # in float32, the widest type
        raise ValueError(f"tensor {held.id_out} claims the shape {held.dims}")
    return Value(
        shape=tuple(held.dims),
        dtype=held.datatype.name.removeprefix("xnn_datatype_"),
        constant=held.constant_buffer_idx > 0,
        scale=scale if isinstance(scale, float) else None,
        zero_point=getattr(parameters, "zero_point", 0),
    )
