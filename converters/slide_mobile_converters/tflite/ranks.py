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

from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile_converters.tflite.operations import Op
from slide_mobile_converters.tflite.probe import running

FULL_RANK = 4  # (B, H, W, C), which the delegate reads as it is
ELEMENTWISE = frozenset(
    ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD", "POW", "ATAN2", "SQUARED_DIFFERENCE",
     "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL",
     "LOGICAL_AND", "LOGICAL_OR", "SELECT", "SELECT_V2")
)  # fmt: skip
_PADS = frozenset(("PAD", "PADV2", "MIRROR_PAD"))

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Misread:
    """An operation that breaks a rule: its place in the subgraph, its operands, and the rule."""

    index: int
    operation: str
    shapes: tuple[Shape, ...]
    module: str
    why: str

    def __str__(self) -> str:
        """For example "ADD of [8, 16, 16] and [1, 8, 16, 16] in 3.0.attn (the ranks differ)"."""
        shapes = " and ".join(str(list(shape)) for shape in self.shapes)
        place = f" in {self.module}" if self.module else ""
        return f"{self.operation} of {shapes}{place} ({self.why})"


def misread(ops: Sequence[Op]) -> list[Misread]:
    """Operations of a subgraph that break a rule, in its order."""
    # Weights in fp16 are constants behind a DEQUANTIZE.
    widened = {op.outputs[0] for op in ops if op.name == "DEQUANTIZE" and op.input(0).constant}
    found = []
    for index, op in enumerate(ops):
        operands = [tensor for tensor in op.inputs if tensor is not None]
        values = [x.shape for x in operands if not (x.constant or x in widened)]
        constants = [x.shape for x in operands if x.constant or x in widened]
        if why := _broken_rule(op.name, values, constants):
            found.append(
                Misread(
                    index=index,
                    operation=op.name,
                    shapes=tuple(tensor.shape for tensor in operands),
                    module=running(op.outputs[0].name),
                    why=why,
                )
            )
    return found


def _broken_rule(name: str, values: Sequence[Shape], constants: Sequence[Shape]) -> str | None:
    """The rule that an operation on values and constants breaks, or None."""
    if name in ELEMENTWISE:
        ranks = {len(shape) for shape in (*values, *(c for c in constants if len(c) > 1))}
        if len(ranks) > 1:
            return "the ranks differ"
        if any(len(c) in ranks and len(c) < FULL_RANK and c[:1] > (1,) for c in constants):
            return f"a constant along the first axis, below rank {FULL_RANK}"
    if name == "BATCH_MATMUL" and len({shape[:-2] for shape in (*values, *constants)}) > 1:
        return "the batch is broadcast"
    if name in _PADS and len(values[0]) < FULL_RANK:
        return f"padded below rank {FULL_RANK}"
    return None
