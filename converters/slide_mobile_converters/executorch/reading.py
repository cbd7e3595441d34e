"""Read a .pte: the program, its methods, and the bytes of its delegates.

Format: executorch 1.4, schema/program.fbs. ExecuTorch reads it with the schema that it ships.
"""

import contextlib
import dataclasses
import struct
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from executorch.exir._serialize._program import (
    PTEFile,
    deserialize_pte_binary,
    serialize_pte_binary,
)
from executorch.exir.schema import BackendDelegate, ExecutionPlan, JumpFalseCall, String

from slide_mobile.errors import ArtifactError
from slide_mobile.isolation import files

XNNPACK, COREML = "XnnpackBackend", "CoreMLBackend"
FORWARD = "forward"
# A GiB: 80 times the largest tensor of slide_swin_base at 224 pixels. A few bytes in a file can ask
# for any size, so a file that asks for more is refused.
MAX_BYTES = 1 << 30
_MAGIC = slice(4, 6)  # "ET", followed by two digits of the schema

# What the readers raise for a damaged file; flatc fails with CalledProcessError.
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


# What was read last: precision, facts and runners of one file are read one after the other.
_last: tuple[bytes, PTEFile] | None = None


def read(path: Path) -> PTEFile:
    """The whole file, shared by all who read it: who changes it, makes a copy.

    Raises ArtifactError if it is not a .pte, or is damaged.
    """
    global _last
    try:
        content = files.read(path, most=files.MOST_MODEL_BYTES)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    if _last is not None and _last[0] == content:
        return _last[1]
    if content[_MAGIC] != b"ET":
        raise ArtifactError(f"{path} is not a .pte file: its identifier is not 'ET'")
    with artifact_errors(path):
        file = deserialize_pte_binary(content)
        _require_bounded(file)
        method(file), constants(file)  # every reader needs these: fail here if they are damaged
        _last = content, file
        return file


def _require_bounded(file: PTEFile) -> None:
    """Raise ValueError for a method that could run without end, or needs absurd memory."""
    for plan in file.program.execution_plan:
        if sum(plan.non_const_buffer_sizes) > MAX_BYTES:
            raise ValueError(
                f"method {plan.name!r} needs too much memory: {plan.non_const_buffer_sizes} bytes"
            )
        if any(
            isinstance(i.instr_args, JumpFalseCall) for c in plan.chains for i in c.instructions
        ):
            raise ValueError(f"method {plan.name!r} has jumps and might never end")


@contextlib.contextmanager
def artifact_errors(path: Path) -> Iterator[None]:
    """Turn the errors of reading a foreign or damaged file into an ArtifactError of one line."""
    try:
        yield
    except _BROKEN as error:
        why: object = error
        if isinstance(error, subprocess.CalledProcessError):
            why = error.stderr.decode(errors="replace").rpartition(": ")[2]
        reason = " ".join(str(why).split())[:200] or "no reason given"
        raise ArtifactError(f"{path} is damaged: {reason}; convert the model again") from error


def method(file: PTEFile, name: str = FORWARD) -> ExecutionPlan:
    """A method of the file by name; raises ValueError if there is none."""
    for plan in file.program.execution_plan:
        if plan.name == name:
            return plan
    raise ValueError(f"it has no method {name!r}")


def constants(file: PTEFile) -> Mapping[str, tuple[Any, ...]]:
    """Numbers and strings by method name, of the methods that return constants."""
    found = {}
    for plan in file.program.execution_plan:
        values = [plan.values[i].val for i in plan.outputs]
        if not plan.chains[0].instructions and not plan.inputs:
            found[plan.name] = tuple(_plain(value) for value in values)
    return found


def _plain(value: Any) -> Any:
    """The number or string in a constant."""
    if isinstance(value, String):
        return value.string_val
    (field,) = dataclasses.fields(value)
    return getattr(value, field.name)


def first_delegate(file: PTEFile) -> str | None:
    """Backend name of the first delegate, or None if there is no delegate."""
    return next((delegate.id for delegate in method(file).delegates), None)


def blob(file: PTEFile, delegate: BackendDelegate) -> bytes:
    """The bytes that a delegate loads its graph from."""
    return bytes(file.program.backend_delegate_data[delegate.processed.index].data)


def write(file: PTEFile) -> bytes:
    """The bytes of a .pte, laid out as `convert` writes it: each delegate in its own segment."""
    return bytes(serialize_pte_binary(file, extract_delegate_segments=True))
