"""Check the evaluator against MIL's own reference, the value inference of coremltools.

To fold constants, coremltools has a NumPy implementation of many operations. It computes every
operation of a program again, from the same inputs, and the results are compared. Convolution,
pooling, most norms and resizing have no such implementation.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder
from coremltools.converters.mil._deployment_compatibility import AvailableTarget
from coremltools.converters.mil.mil import Function
from coremltools.converters.mil.mil import Operation as MilOperation
from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
from numpy.typing import NDArray
from torch import Tensor

from mil_evaluator.loading import load
from mil_evaluator.package import read
from mil_evaluator.program import Program
from mil_evaluator.rules import RULES
from mil_evaluator.values import Value


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The comparison of all operations of one type with MIL's reference."""

    operations: int
    difference: float  # the largest |ours - MIL's| / max |MIL's| of any output


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The comparison of a program with MIL's reference, by operation type."""

    compared: Mapping[str, Comparison]
    without_reference: Mapping[str, int]  # operations that MIL cannot compute itself


def replay(path: Path, inputs: Mapping[str, NDArray[Any]]) -> Replay:
    """Compute every operation of a program with torch and with coremltools in fp32, and compare.

    Raises UnsupportedProgram like `load`, and ValueError like `Program.run`.
    """
    program = load(path)
    differences: dict[str, list[float]] = {}
    without: Counter[str] = Counter()
    for step in program.steps(inputs, "float32"):
        kind = step.operation.type
        expected = reference(kind, step.arguments, program.specification_version)
        if expected is None:
            without[kind] += 1
        else:
            differences.setdefault(kind, []).append(_largest(step.results.values(), expected))
    for kind, names, expected in _decompressed(path, program):
        if expected is None:
            without[kind] += 1
        else:
            ours = [program.constants[name] for name in names]
            differences.setdefault(kind, []).append(_largest(ours, expected))
    return Replay(
        compared={
            kind: Comparison(operations=len(found), difference=max(found))
            for kind, found in sorted(differences.items())
        },
        without_reference=without,
    )


def reference(
    kind: str, arguments: Mapping[str, Value], specification_version: int
) -> tuple[NDArray[Any], ...] | None:
    """Return what MIL infers for one operation on constants, None if it has no inference."""
    if _contradicts_its_docstring(kind, arguments):
        return None
    with Function({}, opset_version=AvailableTarget(specification_version)):
        definition = SSAOpRegistry._get_core_op_cls(kind)
        infers = definition.value_inference is not MilOperation.value_inference
        if not (infers or hasattr(definition, "materialized_val_inference")):
            return None
        made = getattr(Builder, kind)(**{name: _mil(value) for name, value in arguments.items()})
    outputs = made if isinstance(made, (list, tuple)) else (made,)
    if not infers:
        return _outputs(outputs[0].op.materialized_val_inference())
    return None if outputs[0].val is None else tuple(np.asarray(var.val) for var in outputs)


def difference(value: Value, expected: NDArray[Any]) -> float:
    """Return the largest |value - expected| / max |expected|; equal infinities and NaNs count 0."""
    assert isinstance(value, Tensor)
    found = value.numpy()
    if expected.dtype == np.float16:
        found = found.astype(np.float16)
    found, wanted = found.astype(np.float64), expected.astype(np.float64)
    if found.shape != wanted.shape:
        return np.inf
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    if same.all():
        return 0.0
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = finite.max(initial=0.0) or 1.0
    off = np.abs(found[~same] - wanted[~same]) / scale
    return float(np.where(np.isnan(off), np.inf, off).max())


def _decompressed(
    path: Path, program: Program
) -> Iterator[tuple[str, list[str], tuple[NDArray[Any], ...] | None]]:
    """Yield type, output names and reference of every operation that decompresses weights.

    The reference is None for a look-up table that is itself compressed, which coremltools 9.0
    cannot decompress.
    """
    if not any(operation.type.startswith("constexpr_") for operation in program.operations):
        return
    for operation in read(path, RULES).function.operations:
        if operation.op_type.startswith("constexpr_"):
            table = operation.inputs.get("lut")
            known = table is None or table.val is not None
            expected = _outputs(operation.materialized_val_inference()) if known else None
            yield operation.op_type, [var.name for var in operation.outputs], expected


def _largest(values: Iterable[Value], expected: Iterable[NDArray[Any]]) -> float:
    """Return the largest difference of several outputs."""
    return max(difference(v, e) for v, e in zip(values, expected, strict=True))


def _outputs(result: Any) -> tuple[NDArray[Any], ...]:
    """Return one or several results as a tuple of arrays."""
    results = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(value) for value in results)


def _mil(value: Value) -> Any:
    """Convert a value for coremltools' builder: an array, a NumPy scalar, a string or a list."""
    if isinstance(value, tuple):
        return [_mil(item) for item in value]
    if not isinstance(value, Tensor):
        return value
    array = value.numpy().copy()[()]
    # NumPy's reductions refuse a NumPy bool for `keepdims`.
    return bool(array) if isinstance(array, np.bool_) else array


def _contradicts_its_docstring(kind: str, arguments: Mapping[str, Value]) -> bool:
    """Whether MIL's inference is known to be wrong for these arguments (coremltools 9.0).

    concat ignores `interleave`, and scatter_along_axis ignores `mode`. cumsum fails if it is
    exclusive, flatten2d if there are no axes on one side, and squeeze for axes longer than 1.
    """
    read = {name: RULES[kind].readers[name](value) for name, value in arguments.items()}
    match kind:
        case "concat":
            return bool(read["interleave"])
        case "scatter_along_axis":
            return bool(read["mode"] != "update")
        case "cumsum":
            return bool(read["exclusive"])
        case "flatten2d":
            return read["axis"] in (0, read["x"].ndim)
        case "squeeze":
            return any(read["x"].shape[axis] != 1 for axis in read.get("axes", ()))
    return False
