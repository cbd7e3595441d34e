"""Programs of one operation, built with coremltools and run by the evaluator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder
from coremltools.converters.mil._deployment_compatibility import AvailableTarget
from coremltools.converters.mil.mil import Function, Placeholder, types
from numpy.typing import NDArray

from mil_evaluator.loading import transcribed
from mil_evaluator.package import Package
from mil_evaluator.program import Program
from mil_evaluator.replay import difference
from mil_evaluator.values import constant

Arrays = Mapping[str, NDArray[Any]]


def program(kind: str, fed: Arrays, *, target: str = "iOS18", **attributes: Any) -> Program:
    """Build a program of one operation; the input "values.0" is part of the tuple "values"."""
    placeholders = {
        name: Placeholder(
            value.shape, dtype=types.numpy_type_to_builtin_type(value.dtype), name=name
        )
        for name, value in fed.items()
    }
    version = AvailableTarget[target]
    with Function(placeholders, opset_version=version) as function:
        arguments: dict[str, Any] = dict(attributes)
        for name in fed:
            if "." in name:
                arguments.setdefault(name.split(".")[0], []).append(function.inputs[name])
            else:
                arguments[name] = function.inputs[name]
        made = getattr(Builder, kind)(**arguments)
        function.set_outputs(list(made) if isinstance(made, (list, tuple)) else [made])
    package = Package(specification_version=int(version), function=function, color_layouts={})
    return transcribed(package)


def run(kind: str, fed: Arrays, **attributes: Any) -> list[NDArray[Any]]:
    """Compute one operation with the evaluator in fp32."""
    made = program(kind, fed, **attributes)
    outputs = made.run(fed)
    return [outputs[name] for name in made.outputs]


def inferred(
    kind: str, fed: Arrays, *, target: str = "iOS18", **attributes: Any
) -> list[NDArray[Any]]:
    """Compute one operation with MIL's own value inference."""
    arguments: dict[str, Any] = dict(attributes)
    with Function({}, opset_version=AvailableTarget[target]):
        for name, value in fed.items():
            if "." in name:
                arguments.setdefault(name.split(".")[0], []).append(value.copy())
            else:
                arguments[name] = value.copy()
        made = getattr(Builder, kind)(**arguments)
    outputs = made if isinstance(made, (list, tuple)) else [made]
    found = [var.val for var in outputs]
    if found[0] is None and hasattr(outputs[0].op, "materialized_val_inference"):
        result = outputs[0].op.materialized_val_inference()
        found = list(result) if isinstance(result, tuple) else [result]
    assert all(value is not None for value in found), f"MIL has no inference for {kind}"
    return [np.asarray(value) for value in found]


def assert_same(
    found: list[NDArray[Any]], expected: list[NDArray[Any]], tolerance: float = 1e-6
) -> None:
    """Check that outputs have equal shapes and close values, relative to the largest value."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        value = constant(ours, str(ours.dtype).replace("float", "fp"))
        assert ours.shape == theirs.shape
        assert difference(value, theirs) <= tolerance
