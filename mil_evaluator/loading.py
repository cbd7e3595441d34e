"""From files on disk to a program that can be run."""

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


def load(path: Path) -> Program:
    """The program of a .mlpackage or .mlmodel, weights included and decompressed.

    Raises UnsupportedProgram, a ValueError, if the file is not a readable ML program, or names the
    operation types in it that have no rule, or if its weights cannot be decompressed.
    """
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
    """Raise UnsupportedProgram if data decide how large a tensor is: that could be any size."""
    if any(None in item.shape for item in program.inputs):
        return  # lengths are open because the caller gives them
    for op in program.operations:
        for shape, dtype in zip(op.shapes, op.dtypes, strict=True):
            if None in shape and dtype != "dict":
                raise UnsupportedProgram(
                    f"{op.type} {op.name!r} does not fix the size of its result"
                )


def transcribed(package: Package) -> Program:
    """The program of a MIL function in memory; raises UnsupportedProgram."""
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
    """Rename, in place, constants that are named as another variable.

    coremltools 9.0 makes a constant of a classifier's labels as it reads a file, and names it from
    a counter of the process: "const_0" in a new one, which the file may have given to another.
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
    given = {name: var for name, var in mil_operation.inputs.items() if var is not None}
    kind = mil_operation.op_type
    if unknown := sorted(given.keys() - RULES[kind].readers.keys()):
        raise UnsupportedProgram(f"inputs of {kind} that cannot be evaluated: {', '.join(unknown)}")
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
    layout = package.color_layouts.get(var.name)
    return Input(
        name=var.name,
        shape=_shape(var),
        dtype=dtype_name(var.sym_type),
        kind="tensor" if layout is None else "image",
        color_layout=layout,
    )


def _shape(var: Any) -> Shape:
    if types.is_dict(var.sym_type):
        return (None,)
    if not types.is_tensor(var.sym_type):
        return ()
    return tuple(None if is_symbolic(size) else int(size) for size in var.shape)


def _decompressed(
    operations: tuple[Operation, ...], constants: Mapping[str, Value]
) -> dict[str, Value]:
    """The weights that constexpr operations stand for, in the dtype that they declare.

    They are data of the file and not part of the computation, so fp16 weights are fp16 numbers at
    any precision.
    """
    found: dict[str, Value] = {}
    for operation in operations:
        if operation.type.startswith("constexpr_"):
            arguments = gathered(operation, {**constants, **found})
            found |= evaluated(operation, arguments, "float16")
    return found


def _labels(operations: tuple[Operation, ...], constants: Mapping[str, Value]) -> tuple[str, ...]:
    for operation in operations:
        if operation.type == "classify":
            name = operation.inputs["classes"]
            assert isinstance(name, str)
            return tuple(str(label) for label in constants[name])
    return ()
