"""Load a program from files on disk."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coremltools.converters.mil.mil import types
from coremltools.converters.mil.mil.types.symbolic import is_symbolic

from mil_evaluator.errors import FAILURES, UnsupportedProgram, first_line
from mil_evaluator.package import Package, read
from mil_evaluator.program import Input, Operation, Program, Shape, evaluated, gathered
from mil_evaluator.rules import RULES
from mil_evaluator.values import Value, constant, dtype_name

# The program that was loaded last, by a digest of its package: a program never changes, and to read
# one takes seconds, which precision, facts and runners of one file would each take again.
_last: tuple[bytes, Program] | None = None


def load(path: Path) -> Program:
    """Load the program of a .mlpackage or .mlmodel, with its weights decompressed.

    If a package has the bytes of the one that was loaded last, returns the same program. Raises
    UnsupportedProgram, a ValueError, if the file is not a readable ML program, if it has operation
    types without a rule (the message names them), or if weights cannot be decompressed.
    """
    global _last
    digest = _digest(path)
    if _last is not None and _last[0] == digest:
        return _last[1]
    _last = None  # or two programs would be in memory
    program = _load(path)
    if digest is not None:
        _last = digest, program
    return program


def _digest(path: Path) -> bytes | None:
    """The sha256 of a package's files and their names.

    None for a file, whose weights lie elsewhere, and for a folder with anything else than files:
    `read` says what is wrong with it.
    """
    if not path.is_dir():
        return None
    total = hashlib.sha256()
    try:
        for item in sorted(path.rglob("*")):
            if item.is_symlink() or not (item.is_file() or item.is_dir()):
                return None
            total.update(os.fsencode(item.relative_to(path)) + b"\0")
            if item.is_file():
                with item.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return None
    return total.digest()


def _load(path: Path) -> Program:
    """Load a program; raises UnsupportedProgram."""
    package = read(path, RULES)
    try:
        program = transcribed(package)
        _require_bounded(program)
        return program
    except UnsupportedProgram as error:
        raise UnsupportedProgram(f"{path}: {error}") from error
    except FAILURES as error:
        raise UnsupportedProgram(f"{path} cannot be evaluated: {first_line(error)}") from error


def _require_bounded(program: Program) -> None:
    """Raise UnsupportedProgram if the size of a tensor depends on data, and so is unlimited."""
    if any(None in item.shape for item in program.inputs):
        return  # sizes are open because the caller chooses the input size
    for op in program.operations:
        for shape, dtype in zip(op.shapes, op.dtypes, strict=True):
            if None in shape and dtype != "dict":
                raise UnsupportedProgram(
                    f"{op.type} {op.name!r} does not fix the size of its result"
                )


def transcribed(package: Package) -> Program:
    """Return the program of a MIL function in memory; raises UnsupportedProgram."""
    function = package.function
    mil_operations = list(function.operations)
    _tell_apart(function, mil_operations)
    constants = {
        op.outputs[0].name: constant(op.outputs[0].val, dtype_name(op.outputs[0].sym_type))
        for op in mil_operations
        if op.op_type == "const"
    }
    operations = tuple(_operation(op) for op in mil_operations if op.op_type != "const")
    constants |= _decompressed(operations, constants)
    return Program(
        inputs=tuple(_input(var, package) for var in function.inputs.values()),
        outputs=tuple(var.name for var in function.outputs),
        operations=operations,
        labels=_labels(operations, constants),
        specification_version=package.specification_version,
        constants=constants,
    )


def _tell_apart(function: Any, operations: Sequence[Any]) -> None:
    """Rename constants that have the name of another variable, in place.

    coremltools 9.0 adds a constant for a classifier's labels when it reads a file. It takes the
    name from a counter of the process, such as "const_0", which the file may already use.
    """
    taken = {var.name for op in operations if op.op_type != "const" for var in op.outputs}
    taken |= {var.name for var in function.inputs.values()}
    for op in operations:
        if op.op_type == "const":
            (var,) = op.outputs
            while var.name in taken:
                var.name += "_"
            taken.add(var.name)


def _operation(mil_operation: Any) -> Operation:
    """Convert one MIL operation; raises UnsupportedProgram for inputs that its rule lacks."""
    given = {name: var for name, var in mil_operation.inputs.items() if var is not None}
    kind = mil_operation.op_type
    if unknown := sorted(given.keys() - RULES[kind].readers.keys()):
        raise UnsupportedProgram(
            f"{kind} has inputs that cannot be evaluated: {', '.join(unknown)}"
        )
    return Operation(
        type=kind,
        name=mil_operation.name,
        inputs={
            name: tuple(v.name for v in var) if isinstance(var, (list, tuple)) else var.name
            for name, var in given.items()
        },
        outputs=tuple(var.name for var in mil_operation.outputs),
        shapes=tuple(_shape(var) for var in mil_operation.outputs),
        dtypes=tuple(dtype_name(var.sym_type) for var in mil_operation.outputs),
    )


def _input(var: Any, package: Package) -> Input:
    """Convert one input of a MIL function."""
    layout = package.color_layouts.get(var.name)
    return Input(
        name=var.name,
        shape=_shape(var),
        dtype=dtype_name(var.sym_type),
        kind="tensor" if layout is None else "image",
        color_layout=layout,
    )


def _shape(var: Any) -> Shape:
    """Return a variable's shape, None for lengths that are not fixed; () for what is no tensor."""
    if types.is_dict(var.sym_type):
        return (None,)
    if not types.is_tensor(var.sym_type):
        return ()
    return tuple(None if is_symbolic(size) else int(size) for size in var.shape)


def _decompressed(
    operations: tuple[Operation, ...], constants: Mapping[str, Value]
) -> dict[str, Value]:
    """Decompress the weights of constexpr operations, in their declared dtype.

    Weights are data of the file, not results of the computation, so fp16 weights are fp16 numbers
    at either precision.
    """
    found: dict[str, Value] = {}
    for operation in operations:
        if operation.type.startswith("constexpr_"):
            arguments = gathered(operation, {**constants, **found})
            found |= evaluated(operation, arguments, "float16")
    return found


def _labels(operations: tuple[Operation, ...], constants: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the labels of a classifier, empty for any other program."""
    for operation in operations:
        if operation.type == "classify":
            name = operation.inputs["classes"]
            assert isinstance(name, str)
            return tuple(str(label) for label in constants[name])
    return ()
