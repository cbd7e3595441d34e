"""The graph form of each stage's attention, chosen by target, precision and shape of the map.

All forms compute the same function; the choice is data. forms.json is the table, with the
latencies that decided each row, and `python -m benchmarks.choose` measures it again. A map shape
that was not measured gets the form of the nearest measured shape; a target or precision that was
not measured gets the plain form.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import documents

TABLE = Path(__file__).with_name("forms.json")

Attention = Literal["slide", "window"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the attention of a stage is written; every combination computes the same function.

    `head_sum`: the channels of a head are added by a constant matmul or by a sum.
    `head_broadcast`: a head's weight reaches its channels by a constant matmul or by broadcasting.
    `strips`: the number of horizontal strips that are computed one after another, so that
    intermediate tensors stay in the cache.
    `tokens`: window attention keeps its tokens in a map, or in a matrix (H * W, C). Only
    channels-first models have this choice.
    """

    head_sum: Literal["matmul", "sum"] = "matmul"
    head_broadcast: Literal["matmul", "broadcast"] = "matmul"
    strips: int = 1
    tokens: Literal["map", "matrix"] = "map"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Shape of a stage's map: height and width in tokens, channels, and attention heads."""

    height: int
    width: int
    dim: int
    heads: int

    def distance(self, other: "Shape") -> float:
        """Return the sum of |log2(ratio)| over tokens, channels and heads; 0 for equal shapes."""
        sizes = [(s.height * s.width, s.dim, s.heads) for s in (self, other)]
        return sum(abs(math.log2(a / b)) for a, b in zip(*sizes, strict=True))


@dataclass(frozen=True)
class Forms:
    """The measured forms of one target in one precision."""

    rows: tuple[tuple[Attention, Shape, Form], ...] = ()

    def nearest(self, attention: Attention, shape: Shape) -> Form:
        """Return the form of the nearest measured shape, or the plain form if none was measured."""
        known = [(s.distance(shape), form) for kind, s, form in self.rows if kind == attention]
        return min(known, key=lambda pair: pair[0])[1] if known else Form()


PLAIN = Forms()


class Row(Struct, frozen=True, kw_only=True):
    """A row of the table: the form of one attention; the file has its latencies beside it."""

    target: str
    backend: str
    precision: str
    attention: Attention
    shape: Shape
    form: Form


class _Table(Struct, frozen=True, kw_only=True):
    """The part of forms.json that decides."""

    rows: tuple[Row, ...]


def chosen(target: str, backend: str, precision: str) -> Forms:
    """Return the rows of the table for one target, backend and precision.

    A variant of a backend ("xnnpack-fp16") uses the same kernels, and so the same rows.
    """
    wanted = (target, backend.partition("-")[0], precision)
    return Forms(
        tuple(
            (row.attention, row.shape, row.form)
            for row in rows()
            if (row.target, row.backend, row.precision) == wanted
        )
    )


@cache
def rows(table: Path = TABLE) -> tuple[Row, ...]:
    """Every row of forms.json, read once."""
    return documents.decode(table.read_bytes(), _Table).rows
