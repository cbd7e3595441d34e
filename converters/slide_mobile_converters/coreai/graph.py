"""Facts about a written .aimodel.

A file has no partitions to count: Core AI decides on the device, when it specializes the asset,
whether an operation runs on the CPU, the GPU or the Neural Engine.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

from slide_mobile.artifact.manifest import Graph
from slide_mobile.targets.graph import counted
from slide_mobile_converters.coreai import reading
from slide_mobile_converters.coreai.operations import Operation, Tensor

_LOOKUP, _SCALED = "lut_to_dense", "blockwise_shift_scale"
_LINEAR = "broadcasting_batch_matmul"
_PRODUCTS = {"conv2d", _LINEAR}
_MOVES = {"broadcast_to", "cast", "concat", "gather_nd", "pad", "reshape", "slice", "transpose"}


def inspect(path: Path) -> Graph:
    """Facts about an .aimodel; raises ArtifactError if it is damaged."""
    program = reading.read(path)
    computed = [operation for operation in program if operation.type != "constant"]
    tensors = [tensor for operation in computed for tensor in operation.outputs]
    return Graph(
        ops=dict(sorted(Counter(operation.type for operation in computed).items())),
        max_rank=max((len(tensor.shape) for tensor in tensors), default=0),
        partitions=0,
        delegated_ops=0,
        total_ops=len(computed),
        int8_mac_fraction=0.0,  # weights of 8 bits are decompressed
        min_runtime=_release(path),
        findings=(
            "Core AI chooses CPU, GPU or Neural Engine for each operation on the device: "
            "nothing is delegated beforehand",
            *_findings(program, computed),
        ),
    )


def precision(path: Path) -> str:
    """Name of the precision in which the program has its dense layers; raises ArtifactError."""
    program = reading.read(path)
    types = {operation.type for operation in program}
    stored = weights(program).values()
    if _LOOKUP in types:
        return f"palette{min(tensor.bits for tensor in stored)}"
    if _SCALED in types:
        return "int8-weights"
    return "fp16" if any(tensor.dtype == "f16" for tensor in stored) else "fp32"


def weights(program: Sequence[Operation]) -> dict[int, Tensor]:
    """The constants that products multiply by, as they are stored, by the index of the product."""
    found = {}
    for index, operation in enumerate(program):
        if operation.type in _PRODUCTS and (place := operation.inputs[1]) is not None:
            maker = program[place]
            while maker.type in {_LOOKUP, _SCALED, "transpose"} and maker.inputs[0] is not None:
                maker = program[maker.inputs[0]]
            if maker.type == "constant":
                found[index] = maker.outputs[0]
    return found


def _findings(program: Sequence[Operation], computed: Sequence[Operation]) -> Iterator[str]:
    stored = weights(program)
    bits: Counter[str] = Counter()
    for tensor in stored.values():
        bits[tensor.dtype] += prod(tensor.shape) * tensor.bits
    listed = ", ".join(f"{dtype} {count / 8e6:.2f} MB" for dtype, count in bits.most_common())
    yield f"weights of convolutions and linears: {listed or 'none'}"
    if linears := [index for index in stored if program[index].type == _LINEAR]:
        yield f"{len(linears)} linears: 1x1 convolutions on (1, C, H, W) suit the Neural Engine"
    moves = [operation.type for operation in computed if operation.type in _MOVES]
    yield f"{len(moves)} of {len(computed)} operations only move data: {counted(moves)}"


def _release(path: Path) -> str | None:
    """The oldest iOS that reads the program; Apple names iOS and macOS of a year alike."""
    with reading.readable(path):
        summary = reading.asset(path).summary(include_statistics=False)
    version = None if summary is None else summary._compatibility_version
    return None if version is None else f"iOS {version.removesuffix('.0')}"
