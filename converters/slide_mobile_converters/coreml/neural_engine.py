"""What is known to keep operations off Apple's Neural Engine, or to make them slow there.

Apple documents none of this. The rules come from apple/ml-ane-transformers (layout, 1x1
convolutions, 64-byte rows), from hollance/neural-engine, and from models that developers measured.
They are hints on where to look.
"""

from collections import Counter
from collections.abc import Iterator
from math import prod

from mil_evaluator import Program

MAX_RANK, MAX_LENGTH = 4, 16_384
ROW_BYTES = 64  # the last axis is padded to this
_PADDED = 1.5  # padding is a finding if it makes the activations larger than this factor
_BYTES = {"fp16": 2, "fp32": 4, "int32": 4, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1}
# At the inputs and outputs, which are float32; so is what `classify` reads.
_BORDERS = {"cast", "classify"}
_MOVES = {
    "cast", "concat", "depth_to_space", "expand_dims", "gather", "gather_along_axis", "gather_nd",
    "pad", "pixel_shuffle", "pixel_unshuffle", "reshape", "reverse", "slice_by_index",
    "slice_by_size", "space_to_depth", "split", "squeeze", "stack", "tile", "transpose",
}  # fmt: skip


def findings(program: Program) -> tuple[str, ...]:
    """A line for each rule that the program breaks, one on data movements, and the caveat."""
    return (
        *_wide_floats(program),
        *_shapes(program),
        *_padding(program),
        *_operations(program),
        "these rules are unofficial; Xcode's performance report shows what the Neural Engine runs",
    )


def _wide_floats(program: Program) -> Iterator[str]:
    classified = {x for op in program.operations if op.type == "classify" for x in op.reads()}
    wide = [
        op
        for op in program.operations
        if "fp32" in op.dtypes and op.type not in _BORDERS and op.outputs[0] not in classified
    ]
    if wide:
        yield (
            f"{len(wide)} operations compute in fp32, which the Neural Engine cannot do: "
            "they run on the CPU or GPU"
        )


def _shapes(program: Program) -> Iterator[str]:
    computed = [op for op in program.operations if op.type != "classify"]
    flexible = [op.outputs[0] for op in computed if any(None in shape for shape in op.shapes)]
    if flexible:
        yield f"{len(flexible)} tensors have flexible shapes, first {flexible[0]!r}"
    tensors = list(_activations(program))
    for broken, rule in (
        ([t for t in tensors if len(t[1]) > MAX_RANK], f"a rank above {MAX_RANK}"),
        ([t for t in tensors if max(t[1], default=0) > MAX_LENGTH], f"an axis over {MAX_LENGTH}"),
    ):
        if broken:
            name, shape, _ = broken[0]
            yield f"{len(broken)} tensors have {rule}, first {name!r} {list(shape)}"


def _padding(program: Program) -> Iterator[str]:
    sizes = []
    for name, shape, width in _activations(program):
        if shape:
            rows, row = prod(shape[:-1]), shape[-1] * width
            padded = -(-row // ROW_BYTES) * ROW_BYTES
            sizes.append((rows * padded, rows * row, name, shape))
    padded, plain = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    if plain and padded > _PADDED * plain:
        *_, name, shape = max(sizes, key=lambda size: size[0] - size[1])
        yield (
            f"padding of last axes to {ROW_BYTES} bytes makes the activations "
            f"{padded / plain:.1f} times as large, mostly because of {name!r} {list(shape)}"
        )


def _operations(program: Program) -> Iterator[str]:
    gathers = [op for op in program.operations if op.type.startswith("gather")]
    if by_data := [op for op in gathers if op.inputs["indices"] not in program.constants]:
        yield f"{len(by_data)} gathers have indices that are not constant"
    if linears := [op for op in program.operations if op.type == "linear"]:
        yield f"{len(linears)} linears: 1x1 convolutions on (1, C, H, W) suit it better"
    moves = Counter(op.type for op in program.operations if op.type in _MOVES)
    listed = ", ".join(f"{name} x{count}" for name, count in moves.most_common())
    yield f"{moves.total()} of {len(program.operations)} operations only move data: {listed}"


def _activations(program: Program) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, shape and element size of each result at run time; a flexible length counts as 1."""
    for op in program.operations:
        if not op.type.startswith("constexpr_") and op.type != "classify":
            for name, shape, dtype in zip(op.outputs, op.shapes, op.dtypes, strict=True):
                yield name, tuple(length or 1 for length in shape), _BYTES.get(dtype, 1)
