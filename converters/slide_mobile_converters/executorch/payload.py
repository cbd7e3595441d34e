"""A .pte file taken apart and put together: the program, and the XNNPACK graphs inside it.

ExecuTorch reads its own program with the schema it ships; for a delegate's graph it ships the
schema and the writer only, so the reading goes through the flatc of the same package.
Format: executorch 1.4, schema/program.fbs and backends/xnnpack/serialization/schema.fbs.
"""

import contextlib
import dataclasses
import importlib.resources
import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
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
from executorch.exir._serialize._program import (
    PTEFile,
    deserialize_pte_binary,
    serialize_pte_binary,
)
from executorch.exir.schema import BackendDelegate, ExecutionPlan, JumpFalseCall, String

from slide_mobile.errors import ArtifactError

XNNPACK, COREML = "XnnpackBackend", "CoreMLBackend"
FORWARD = "forward"
# A GiB, 80 times what slide_swin_base takes for its largest tensor at 224 pixels. More is a file
# that wants to fill the memory: a few bytes can ask for any size.
MAX_BYTES = 1 << 30
_MAGIC = slice(4, 6)  # "ET", then the schema's two digits

# What the readers raise on bytes that are no such file; flatc ends with an error code.
_BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    subprocess.CalledProcessError,
)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor of an XNNPACK graph, of any kind; `dtype` is XNNDatatype's name."""

    shape: tuple[int, ...]  # channels last where it is a map
    dtype: str
    constant: bool
    scale: float | None  # of a tensor quantised as a whole
    zero_point: int


def read(path: Path) -> PTEFile:
    """The whole file; raises ArtifactError for one that is not a .pte or is damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if content[_MAGIC] != b"ET":
        raise ArtifactError(f"{path} is not a .pte file: it does not carry the mark 'ET'")
    with artifact_errors(path):
        file = deserialize_pte_binary(content)
        _require_bounded(file)
        method(file), constants(file)  # the parts that every reader needs
        return file


def _require_bounded(file: PTEFile) -> None:
    """Raise ValueError for a method that runs without end, or plans for absurdly much memory."""
    for plan in file.program.execution_plan:
        if sum(plan.non_const_buffer_sizes) > MAX_BYTES:
            raise ValueError(f"method {plan.name!r} asks for {plan.non_const_buffer_sizes} bytes")
        if any(
            isinstance(i.instr_args, JumpFalseCall) for c in plan.chains for i in c.instructions
        ):
            raise ValueError(f"method {plan.name!r} jumps, and could run without end")


@contextlib.contextmanager
def artifact_errors(path: Path) -> Iterator[None]:
    """Let what a foreign or damaged file makes a reader raise become ArtifactError of one line."""
    try:
        yield
    except _BROKEN as error:
        why: object = error
        if isinstance(error, subprocess.CalledProcessError):
            why = error.stderr.decode(errors="replace").rpartition(": ")[2]
        reason = " ".join(str(why).split())[:200] or "no reason given"
        raise ArtifactError(f"{path} is damaged: {reason}; convert it again") from error


def method(file: PTEFile, name: str = FORWARD) -> ExecutionPlan:
    """One method of the file; raises ValueError where it has none of that name."""
    for plan in file.program.execution_plan:
        if plan.name == name:
            return plan
    raise ValueError(f"it has no method {name!r}")


def constants(file: PTEFile) -> Mapping[str, tuple[Any, ...]]:
    """What each method without instructions returns: numbers and strings."""
    found = {}
    for plan in file.program.execution_plan:
        values = [plan.values[i].val for i in plan.outputs]
        if not plan.chains[0].instructions and not plan.inputs:
            found[plan.name] = tuple(_plain(value) for value in values)
    return found


def _plain(value: Any) -> Any:
    """The content of a constant, whatever its kind."""
    if isinstance(value, String):
        return value.string_val
    (field,) = dataclasses.fields(value)
    return getattr(value, field.name)


def first_delegate(file: PTEFile) -> str | None:
    """What computes the file's first delegate, None where it has none."""
    return next((delegate.id for delegate in method(file).delegates), None)


def blob(file: PTEFile, delegate: BackendDelegate) -> bytes:
    """What a delegate was given."""
    return bytes(file.program.backend_delegate_data[delegate.processed.index].data)


def graph(content: bytes) -> XNNGraph:
    """The graph in an XNNPACK delegate's bytes."""
    header = XNNHeader.from_bytes(content[: XNNHeader.EXPECTED_LENGTH])
    end = header.flatbuffer_offset + header.flatbuffer_size
    with tempfile.TemporaryDirectory() as folder:
        schema, binary = Path(folder, "schema.fbs"), Path(folder, "graph.bin")
        fields = importlib.resources.files(serialization).joinpath(schema.name)
        schema.write_bytes(fields.read_bytes())
        binary.write_bytes(content[header.flatbuffer_offset : end])
        _to_json(schema, binary)
        plain = json.loads(Path(folder, "graph.json").read_text())
    parsed: XNNGraph = _json_to_dataclass(plain, XNNGraph)
    return parsed


def _to_json(schema: Path, binary: Path) -> None:
    """Write a flatbuffer as JSON beside it; raises CalledProcessError for a damaged one."""
    flags = ("--json", "--defaults-json", "--strict-json", "-o", binary.parent)
    command = (_get_flatc_path(), *flags, schema, "--", binary)
    subprocess.run(command, check=True, capture_output=True)


def bytes_of(parsed: XNNGraph) -> bytes:
    """The inverse of `graph`; the weights lie in the .pte itself, by name."""
    return serialize_xnnpack_binary(parsed, bytearray())


def values(parsed: XNNGraph) -> dict[int, Value]:
    """The tensors of a graph, by the number that its operations call them by."""
    return {tensor(item.xvalue_union).id_out: _value(item.xvalue_union) for item in parsed.xvalues}


def tensor(value: Any) -> Any:
    """The XNNTensorValue in a value, quantised or not."""
    return value.tensor_value if isinstance(value, XNNQuantizedTensorValue) else value


def _value(value: Any) -> Value:
    quantised = isinstance(value, XNNQuantizedTensorValue)
    held, parameters = tensor(value), value.quant_params if quantised else None
    scale = getattr(parameters, "scale", None)
    if prod(held.dims) * 4 > MAX_BYTES:  # as float32, which the widest of them are
        raise ValueError(f"tensor {held.id_out} claims the shape {held.dims}")
    return Value(
        shape=tuple(held.dims),
        dtype=held.datatype.name.removeprefix("xnn_datatype_"),
        constant=held.constant_buffer_idx > 0,
        scale=scale if isinstance(scale, float) else None,
        zero_point=getattr(parameters, "zero_point", 0),
    )


def write(file: PTEFile) -> bytes:
    """The file as `convert` lays it out: delegates in segments of their own."""
    return bytes(serialize_pte_binary(file, extract_delegate_segments=True))
