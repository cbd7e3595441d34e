"""A MIL program that is evaluated with PyTorch."""

import contextlib
import functools
from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mil_evaluator.errors import FAILURES, UnsupportedProgram, first_line
from mil_evaluator.rules import RULES
from mil_evaluator.values import Precision, Value, constant, declared

Shape = tuple[int | None, ...]  # None: any length


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of a program. An image input takes float pixels in 0..255, (1, C, H, W).

    The channels are in the order of `color_layout` ("RGB", "BGR", "GRAYSCALE", ...). The scale and
    bias of an image are operations of the program, so the caller does not apply them.
    """

    name: str
    shape: Shape
    dtype: str
    kind: Literal["tensor", "image"]
    color_layout: str | None  # None for tensors


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a program. Constants are not operations."""

    type: str
    name: str
    inputs: Mapping[str, str | tuple[str, ...]]  # parameter: variable, or a tuple of them
    outputs: tuple[str, ...]  # names of variables; `shapes` and `dtypes` have the same order
    shapes: tuple[Shape, ...]
    dtypes: tuple[str, ...]  # "fp16", "fp32", "int32", "bool", ...

    def reads(self) -> Iterator[str]:
        """Yield the names of the variables that the operation reads, including constants."""
        for names in self.inputs.values():
            yield from (names,) if isinstance(names, str) else names


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation that was evaluated, with its arguments and results."""

    operation: Operation
    arguments: Mapping[str, Value]  # by parameter
    results: Mapping[str, Value]  # by variable


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """An operation with its constant arguments; `done` names variables that no later one reads."""

    operation: Operation
    read: Mapping[str, Any]
    done: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program with its weights. Running it changes nothing."""

    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]  # in execution order
    labels: tuple[str, ...]  # labels of a classifier; empty for any other program
    specification_version: int  # 6: iOS 15, 7: iOS 16, 8: iOS 17, 9: iOS 18
    constants: Mapping[str, Value]  # by variable name, decompressed

    @property
    def declared_precision(self) -> Precision:
        """The precision that the program declares: "float16" if any operation declares fp16."""
        half = any("fp16" in operation.dtypes for operation in self.operations)
        return "float16" if half else "float32"

    def run(
        self,
        inputs: Mapping[str, NDArray[Any]],
        *,
        precision: Precision = "float32",
        keep: Callable[[Operation], bool] | Collection[str] = (),
    ) -> dict[str, NDArray[Any]]:
        """Run the program; return its outputs by name, and the variables to keep.

        "float32" computes everything in fp32, whatever the program declares. "float16" computes
        each operation in fp32, and rounds its result to fp16 where the program declares fp16.
        `keep` is a set of variable names, or a function that chooses operations whose outputs are
        kept. A classifier's label is an array of one string, and its probabilities are in label
        order. The program runs in one thread, because its operations are small: threads that share
        them take ten times as long when another program uses one of the cores.

        Raises ValueError if inputs are missing, unknown or of another shape, or if a name to keep
        is unknown; UnsupportedProgram, a ValueError, if an operation cannot be computed.
        """
        if precision not in get_args(Precision):
            raise ValueError(f"no precision {precision!r}; known: {', '.join(get_args(Precision))}")
        wanted = self._wanted(keep)
        fed = self._fed(inputs, precision)
        found = {name: v for name, v in {**self.constants, **fed}.items() if name in wanted}
        with _one_thread():
            for step in self.steps(inputs, precision):
                found |= {name: value for name, value in step.results.items() if name in wanted}
        return {name: _array(value) for name, value in found.items()}

    def steps(self, inputs: Mapping[str, NDArray[Any]], precision: Precision) -> Iterator[Step]:
        """Yield every operation with its arguments and results, in execution order.

        Operations that decompress weights are left out: they run when the program is loaded. Raises
        ValueError as `run` does.
        """
        values = self._fed(inputs, precision)
        known = ChainMap(values, dict(self.constants))
        for planned in self._plan:
            operation = planned.operation
            with torch.inference_mode():
                arguments = gathered(operation, known)
                results = evaluated(operation, arguments, precision, read=planned.read)
            values |= results
            yield Step(operation=operation, arguments=arguments, results=results)
            for name in planned.done:
                values.pop(name, None)

    @functools.cached_property
    def _plan(self) -> tuple[_Planned, ...]:
        """Prepare every operation: read its constants, and find which variables it reads last."""
        last = {name: step for step, op in enumerate(self.operations) for name in op.reads()}
        return tuple(
            _Planned(
                operation=op,
                read=_read(op, gathered(op, self.constants)),
                done=tuple(name for name in op.reads() if last[name] == step),
            )
            for step, op in enumerate(self.operations)
            if not self.constants.keys() >= set(op.outputs)
        )

    def _wanted(self, keep: Callable[[Operation], bool] | Collection[str]) -> set[str]:
        """Return the names of the variables that `run` returns; ValueError for an unknown one."""
        if callable(keep):
            named = {name for op in self.operations if keep(op) for name in op.outputs}
        else:
            named = set(keep)
            variables = {name for op in self.operations for name in op.outputs}
            known = variables | self.constants.keys() | {item.name for item in self.inputs}
            if unknown := sorted(named - known):
                raise ValueError(f"no variables named {', '.join(unknown)}")
        return named | set(self.outputs)

    def _fed(self, inputs: Mapping[str, NDArray[Any]], precision: Precision) -> dict[str, Value]:
        """Check the inputs and convert them to tensors; raises ValueError."""
        expected = {item.name for item in self.inputs}
        if inputs.keys() != expected:
            raise ValueError(
                f"inputs are {', '.join(sorted(expected))}; given: {', '.join(sorted(inputs))}"
            )
        fed = {}
        for item in self.inputs:
            value = constant(inputs[item.name], item.dtype)
            if not _fits(value, item.shape):
                given = tuple(np.shape(inputs[item.name]))
                raise ValueError(f"input {item.name} is {item.shape}; given: {given}")
            fed[item.name] = declared(value, item.dtype, precision)
        return fed


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread for the duration of the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def gathered(operation: Operation, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the arguments of an operation whose values are known, by parameter."""
    found: dict[str, Value] = {}
    for parameter, names in operation.inputs.items():
        if isinstance(names, str):
            if names in values:
                found[parameter] = values[names]
        elif all(name in values for name in names):
            found[parameter] = tuple(values[name] for name in names)
    return found


def evaluated(
    operation: Operation,
    arguments: Mapping[str, Value],
    precision: Precision,
    *,
    read: Mapping[str, Any] | None = None,
) -> dict[str, Value]:
    """Compute one operation; return its outputs by name, in their declared dtypes.

    `read` has the arguments that were already read for the rule. Raises UnsupportedProgram if the
    rule cannot compute the operation.
    """
    with _one_line(operation):
        result = RULES[operation.type](arguments, read=read)
        results = result if isinstance(result, tuple) else (result,)
        typed = {}
        for name, shape, dtype, value in zip(
            operation.outputs, operation.shapes, operation.dtypes, results, strict=True
        ):
            assert _fits(value, shape), f"{name} should be {shape}"
            typed[name] = declared(value, dtype, precision)
    return typed


def _read(operation: Operation, constants: Mapping[str, Value]) -> dict[str, Any]:
    """Read the constant arguments of an operation for its rule."""
    with _one_line(operation):
        return RULES[operation.type].read(constants)


@contextlib.contextmanager
def _one_line(operation: Operation) -> Iterator[None]:
    """Turn the errors of a rule with impossible arguments into UnsupportedProgram."""
    try:
        yield
    except FAILURES as error:
        raise UnsupportedProgram(
            f"operation {operation.type} {operation.name!r} cannot be computed: {first_line(error)}"
        ) from error


def _fits(value: Value, shape: Shape) -> bool:
    """Whether a value has this shape; values that are not tensors fit any shape."""
    if not isinstance(value, Tensor):
        return True
    return value.ndim == len(shape) and all(
        length in (None, size) for length, size in zip(shape, value.shape, strict=True)
    )


def _array(value: Value) -> NDArray[Any]:
    """Return a value as a NumPy array of its own."""
    # A copy: the array may be a constant of the program.
    return value.numpy().copy() if isinstance(value, Tensor) else np.array(value)
