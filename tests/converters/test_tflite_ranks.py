"""The rules on ranks in a .tflite, and the reshapes that make an operation obey them."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

litert_torch = pytest.importorskip("litert_torch")

from ai_edge_litert.interpreter import Interpreter  # noqa: E402

from slide_mobile.deploy.static_neighbourhoods import static_neighbourhoods  # noqa: E402
from slide_mobile.deploy.static_windows import static_windows  # noqa: E402
from slide_mobile.models.layers.neighbourhood import NeighbourhoodAttention  # noqa: E402
from slide_mobile.models.layers.window_attention import WindowAttention  # noqa: E402
from slide_mobile_converters.tflite import ranks, reshapes  # noqa: E402
from slide_mobile_converters.tflite.graph import inspect, misread  # noqa: E402
from slide_mobile_converters.tflite.operations import Op, parse  # noqa: E402
from slide_mobile_converters.tflite.operations import Tensor as Operand  # noqa: E402

Size = tuple[int, int]

HEADS, TOKENS, DIM = 3, 5, 7
AT_FIRST = "a constant along the first axis, below rank 4"


def operand(shape: tuple[int, ...], *, constant: bool = False) -> Operand:
    return Operand(
        name=f"model/{shape}", shape=shape, dtype="FLOAT32", constant=constant, per_channel=False
    )


def operation(name: str, *operands: Operand) -> Op:
    output = operand(np.broadcast_shapes(*(x.shape for x in operands[:1])))
    return Op(name=name, custom=False, version=1, inputs=operands, outputs=(output,), options=None)


MAP, BATCH, ROW = (2, 6, 10, 8), (6, 10, 8), (10, 8)


@pytest.mark.parametrize(
    ("value", "constant", "why"),
    [
        # Each case was run on the GPU delegate; None says that it was right there.
        (MAP, (), None), (MAP, (8,), None), (MAP, (1, 1, 1, 8), None), (MAP, (2, 6, 10, 8), None),
        (MAP, (2, 1, 1, 1), None), (BATCH, (), None), (BATCH, (8,), None), (ROW, (8,), None),
        (BATCH, (1, 10, 8), None), (ROW, (1, 8), None), ((8,), (1,), None), ((8,), (8,), AT_FIRST),
        (BATCH, BATCH, AT_FIRST), (BATCH, (6, 1, 8), AT_FIRST), (BATCH, (6, 10, 1), AT_FIRST),
        (ROW, ROW, AT_FIRST), (ROW, (10, 1), AT_FIRST), (BATCH, (1, *BATCH), "the ranks differ"),
        (ROW, BATCH, "the ranks differ"), (ROW, MAP, "the ranks differ"),
        # These were right: the rule is stricter than this delegate.
        (MAP, BATCH, "the ranks differ"), (MAP, ROW, "the ranks differ"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ADD", "MUL"])
def test_a_constant_beside_a_value(
    name: str, value: tuple[int, ...], constant: tuple[int, ...], why: str | None
) -> None:
    pair = (operand(value), operand(constant, constant=True))
    for operands in (pair, pair[::-1]):
        found = ranks.misread([operation(name, *operands)])
        assert [each.why for each in found] == ([] if why is None else [why])


@pytest.mark.parametrize(
    ("name", "shapes", "why"),
    [
        ("ADD", (BATCH, BATCH), None),
        ("ADD", (BATCH, (1, *BATCH)), "the ranks differ"),
        ("ADD", (MAP, ()), "the ranks differ"),
        ("BATCH_MATMUL", ((4, 6, 8), (4, 8, 9)), None),
        ("BATCH_MATMUL", ((2, 4, 6, 8), (2, 4, 8, 9)), None),
        ("BATCH_MATMUL", ((1, 6, 8), (4, 8, 9)), "the batch is broadcast"),
        ("BATCH_MATMUL", ((2, 4, 6, 8), (4, 8, 9)), "the batch is broadcast"),
        ("PAD", (MAP,), None),
        ("PAD", (BATCH,), "padded below rank 4"),
        ("CONCATENATION", (ROW, ROW), None),
        ("FULLY_CONNECTED", (BATCH, (5, 8)), None),
    ],
)
def test_values_alone(name: str, shapes: tuple[tuple[int, ...], ...], why: str | None) -> None:
    found = ranks.misread([operation(name, *map(operand, shapes))])
    assert [each.why for each in found] == ([] if why is None else [why])


class Planted(nn.Module):
    """Adds a table to products in four ways, of which the GPU delegate reads the last correctly."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.randn(HEADS, TOKENS, TOKENS))
        self.q, self.k = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(heads, N, d) -> logits in four shapes."""
        logits, table = torch.bmm(self.q(x), self.k(x).transpose(1, 2)), self.table
        return (
            logits[None] + table[None],
            logits * table,
            F.pad(logits, (0, 1, 2, 0)),
            logits[:, None] - table[:, None],
        )


PLANTED = {
    ("ADD", "the ranks differ"), ("MUL", AT_FIRST), ("PAD", "padded below rank 4"),
}  # fmt: skip


@pytest.fixture(scope="module")
def planted() -> bytes:
    torch.manual_seed(0)
    example = (torch.zeros(HEADS, TOKENS, DIM),)
    return litert_torch.convert(Planted().eval(), example).model_content()


def test_a_planted_file_is_found_out(planted: bytes, tmp_path: Path) -> None:
    path = tmp_path / "planted.tflite"
    path.write_bytes(planted)
    lines = misread(path)
    assert {(line.split(" of ")[0], line.rpartition(" (")[2][:-1]) for line in lines} == PLANTED
    (added,) = (line for line in lines if line.startswith("ADD"))
    assert "[3, 5, 5] and [1, 3, 5, 5]" in added
    (finding,) = (line for line in inspect(path).findings if "wrongly" in line)
    assert finding == f"LiteRT's GPU delegate computes 3 operations wrongly, first {lines[0]}"


def test_a_planted_file_is_lifted_to_rank_4(planted: bytes, tmp_path: Path) -> None:
    lifted = reshapes.at_rank_4(planted)
    assert [found.operation for found in ranks.misread(parse(lifted)[0][0])] == ["PAD"]
    assert reshapes.at_rank_4(lifted) == lifted
    names = [tensor.name for tensor in parse(lifted)[1]]
    assert len(set(names)) == len(names)  # the quantizer tells tensors by their names
    assert_same_outputs(planted, lifted, [(HEADS, TOKENS, DIM)])


def test_constants_in_fp16_are_constants_too() -> None:
    narrow, wide = operand((6, 10, 8, 1), constant=True), operand(BATCH)
    widened = dataclasses.replace(operation("DEQUANTIZE", narrow), outputs=(wide,))
    added = operation("ADD", dataclasses.replace(wide, name="a value"), wide)
    assert not ranks.misread([added])
    assert [each.why for each in ranks.misread([widened, added])] == [AT_FIRST]


ATTENTIONS: dict[str, tuple[Size, Callable[[Size], nn.Module]]] = {
    "one window": ((2, 2), lambda size: WindowAttention(12, 3, 2, map_size=size)),
    "one window, padded": ((1, 2), lambda size: WindowAttention(12, 3, 2, map_size=size)),
    "windows, padded": ((5, 7), lambda size: WindowAttention(12, 3, 2, map_size=size)),
    "shifted windows": ((4, 6), lambda size: WindowAttention(12, 3, 2, map_size=size, shift=1)),
    "one tile": ((5, 4), lambda size: NeighbourhoodAttention(12, 3, 3, map_size=size)),
    "tiles": ((7, 8), lambda size: NeighbourhoodAttention(12, 3, 3, map_size=size)),
    "one head": ((5, 4), lambda size: NeighbourhoodAttention(12, 1, 3, map_size=size)),
}


class Residuals(nn.Module):
    """Every attention that adds a bias, in its deploy form and on a map of its own."""

    def __init__(self, randomised: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        published = [randomised(build(size)) for size, build in ATTENTIONS.values()]
        self.parts = nn.ModuleList(
            static_windows(part) or static_neighbourhoods(part) for part in published
        )

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """(1, H, W, C) of each -> the same shapes."""
        return tuple(x + part(x) for x, part in zip(maps, self.parts, strict=True))


def test_every_attention_with_a_bias_is_read_as_it_is_meant(
    randomised: Callable[[nn.Module], nn.Module], tmp_path: Path
) -> None:
    sizes = [(1, *size, 12) for size, _ in ATTENTIONS.values()]
    example = tuple(torch.zeros(size) for size in sizes)
    converted = litert_torch.convert(Residuals(randomised).eval(), example).model_content()
    assert ranks.misread(parse(converted)[0][0])  # or nothing here needs reshapes.py
    lifted, path = reshapes.at_rank_4(converted), tmp_path / "attentions.tflite"
    path.write_bytes(lifted)
    assert misread(path) == ()
    facts = inspect(path)
    assert (facts.partitions, facts.delegated_ops) == (1, facts.total_ops)
    assert_same_outputs(converted, lifted, sizes)


def assert_same_outputs(old: bytes, new: bytes, shapes: Sequence[tuple[int, ...]]) -> None:
    """Check that two files give the same bits on XNNPACK."""
    draw = np.random.default_rng(0)
    inputs = [draw.normal(size=shape).astype(np.float32) for shape in shapes]
    results = []
    for model in (old, new):
        runner = Interpreter(model_content=model).get_signature_runner()
        names = sorted(runner.get_input_details(), key=lambda name: int(name.rpartition("_")[2]))
        results.append(runner(**dict(zip(names, inputs, strict=True))))
    assert results[0].keys() == results[1].keys()
    for name, expected in results[0].items():
        np.testing.assert_array_equal(results[1][name], expected)
