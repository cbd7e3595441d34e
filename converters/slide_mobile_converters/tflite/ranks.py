"""Operations that LiteRT's GPU delegate takes and computes wrongly, because of their ranks.

The delegate (ML Drift) names the axes of every tensor (B, H, W, C): those of rank 3 are (B, W, C),
of rank 2 (B, C). It aligns constants to the right, so that those of rank 3 are (H, W, C). Where
these rules hold, it reads each operand as TensorFlow Lite does:

* the operands of an elementwise operation have one rank; a constant of rank 0 or 1 fits any;
* below rank 4, no constant is longer than 1 along the first axis of what it is combined with;
* a product does not broadcast its batch;
* a map is padded at rank 4.

Measured with files of one operation on LiteRT 2.2 (its WebGPU build on SwiftShader). It adds two
tensors of different ranks correctly, but two Adreno phones do not (google-ai-edge/LiteRT#8619).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slide_mobile_converters.tflite.operations import Op
from slide_mobile_converters.tflite.probe import running

Shape = tuple[int, ...]

_ELEMENTWISE = frozenset(
    ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD", "POW", "ATAN2", "SQUARED_DIFFERENCE",
     "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL",
     "LOGICAL_AND", "LOGICAL_OR", "SELECT", "SELECT_V2")
)  # fmt: skip
_PADS = frozenset(("PAD", "PADV2", "MIRROR_PAD"))
_FULL_RANK = 4  # (B, H, W, C), which the delegate reads as it is


@dataclass(frozen=True, kw_only=True)
class Misread:
    """An operation that breaks a rule: its operands, the module that wrote it, and the rule."""

    operation: str
    shapes: tuple[Shape, ...]
    module: str
    why: str

    def __str__(self) -> str:
        """For example "ADD of [8, 16, 16] and [1, 8, 16, 16] in 3.0.attn (the ranks differ)"."""
        shapes = " and ".join(str(list(shape)) for shape in self.shapes)
        place = f" in {self.module}" if self.module else ""
        return f"{self.operation} of {shapes}{place} ({self.why})"


def misread(subgraphs: Iterable[Sequence[Op]]) -> list[Misread]:
    """Operations that break a rule, in the order of the file."""
    found = []
    for ops in subgraphs:
        # Weights in fp16 are constants behind a DEQUANTIZE.
        widened = {op.outputs[0] for op in ops if op.name == "DEQUANTIZE" and op.input(0).constant}
        for op in ops:
            operands = tuple(tensor for tensor in op.inputs if tensor is not None)
            fixed = [tensor.constant or tensor in widened for tensor in operands]
            shapes = tuple(tensor.shape for tensor in operands)
            if why := _broken_rule(op.name, shapes, fixed):
                module = running(op.outputs[0].name)
                found.append(Misread(operation=op.name, shapes=shapes, module=module, why=why))
    return found


def _broken_rule(operation: str, shapes: Sequence[Shape], fixed: Sequence[bool]) -> str | None:
    """The rule that an operation breaks, or None; `fixed` says which operands are constants."""
    if operation in _ELEMENTWISE:
        values = [shape for shape, constant in zip(shapes, fixed, strict=True) if not constant]
        constants = [shape for shape, constant in zip(shapes, fixed, strict=True) if constant]
        return _of_elementwise(values, constants)
    if operation == "BATCH_MATMUL" and shapes[0][:-2] != shapes[1][:-2]:
        return "the batch is broadcast"
    if operation in _PADS and len(shapes[0]) < _FULL_RANK:
        return f"padded below rank {_FULL_RANK}"
    return None


def _of_elementwise(values: Sequence[Shape], constants: Sequence[Shape]) -> str | None:
    """The rule that an elementwise operation of values and constants breaks, or None."""
    ranks = {len(shape) for shape in (*values, *(c for c in constants if len(c) > 1))}
    if len(ranks) > 1:
        return "the ranks differ"
    if any(len(c) in ranks and len(c) < _FULL_RANK and c[:1] > (1,) for c in constants):
        return f"a constant along the first axis, below rank {_FULL_RANK}"
    return None
