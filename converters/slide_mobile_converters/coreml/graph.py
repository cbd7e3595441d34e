"""Facts about a written .mlpackage.

A file has no partitions to count: Core ML decides on the device whether an operation runs on the
CPU, the GPU or the Neural Engine, and tells only there (MLComputePlan).
"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

from mil_evaluator import Program
from slide_mobile.artifact.manifest import Graph
from slide_mobile_converters.coreml import reading
from slide_mobile_converters.coreml.neural_engine import findings

_RELEASES = {6: "iOS 15", 7: "iOS 16", 8: "iOS 17", 9: "iOS 18"}
# Operations whose result a kernel takes as 8 bits: weights, or activations.
_INT8 = {"constexpr_affine_dequantize", "constexpr_blockwise_shift_scale", "dequantize"}
_PALETTE = "constexpr_lut_to_dense"
# Inputs of the operations that multiply: activations, then weights or the second factor.
_FACTORS = {"conv": ("x", "weight"), "linear": ("x", "weight"), "matmul": ("x", "y")}


def inspect(path: Path) -> Graph:
    """Facts about a .mlpackage; raises ArtifactError if it is damaged."""
    program = reading.program(path)
    shapes = variables(program)
    macs = list(multiply_adds(program))
    total = sum(count for count, _ in macs)
    in_int8 = sum(count for count, int8 in macs if int8)
    return Graph(
        ops=dict(sorted(Counter(op.type for op in program.operations).items())),
        max_rank=max((len(shape) for shape in shapes.values()), default=0),
        partitions=0,
        delegated_ops=0,
        total_ops=len(program.operations),
        int8_mac_fraction=in_int8 / total if total else 0.0,
        min_runtime=_RELEASES.get(program.specification_version),
        findings=(
            "Core ML chooses CPU, GPU or Neural Engine for each operation on the device: "
            "nothing is delegated beforehand",
            *findings(program),
        ),
    )


def precision(path: Path) -> str:
    """Name of the precision in which the program has its dense layers; raises ArtifactError."""
    program = reading.program(path)
    types = {op.type for op in program.operations}
    if _PALETTE in types:
        return f"palette{min(_bits(program))}"
    if types & _INT8:
        return "int8" if "quantize" in types else "int8-weights"
    return "fp16" if any("fp16" in op.dtypes for op in program.operations) else "fp32"


def _bits(program: Program) -> Iterator[int]:
    """Bits of an index into each palette."""
    shapes = variables(program)
    for op in program.operations:
        if op.type == _PALETTE:
            yield prod(shapes[str(op.inputs["lut"])]).bit_length() - 1


def variables(program: Program) -> dict[str, tuple[int, ...]]:
    """Shapes of all inputs, constants and results by name; a flexible length counts as 1."""
    shapes = {name: tuple(getattr(value, "shape", ())) for name, value in program.constants.items()}
    shapes |= {item.name: item.shape for item in program.inputs}
    for op in program.operations:
        shapes |= dict(zip(op.outputs, op.shapes, strict=True))
    return {name: tuple(length or 1 for length in shape) for name, shape in shapes.items()}


def multiply_adds(program: Program) -> Iterator[tuple[int, bool]]:
    """Multiply-adds of each operation that multiplies, and whether both factors have 8 bits."""
    shapes = variables(program)
    producers = {name: op.type for op in program.operations for name in op.outputs}
    for op in program.operations:
        if op.type not in _FACTORS:
            continue
        first, second = (str(op.inputs[name]) for name in _FACTORS[op.type])
        if op.type == "conv":
            depth = prod(shapes[second][1:])
        elif op.type == "linear":
            depth = shapes[second][-1]
        else:
            transposed = bool(program.constants[str(op.inputs["transpose_x"])])
            depth = shapes[first][-2 if transposed else -1]
        int8 = producers.get(first) == "dequantize" and producers.get(second, "") in _INT8
        yield prod(shapes[op.outputs[0]]) * depth, int8
