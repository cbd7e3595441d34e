"""Which of the exact graph forms a stage gets: data, by target, precision and shape of the map.

forms.json is that table, with the latencies that decided each row; `python -m benchmarks.choose`
measures it anew. A map that was not measured gets the form of the nearest one that was, a target
or precision that was not the plain form.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

TABLE = Path(__file__).with_name("forms.json")

Attention = Literal["slide", "window"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the attention of a stage is written; every combination computes the same.

    `head_sum`: the products of a head's channels are added by a constant matmul, or by a sum.
    `head_broadcast`: a head's weight reaches its channels by a constant matmul, or by broadcasting.
    `strips`: the rows of the map are attended to in so many parts, one after another, so that what
    lies between two operations stays in the cache.
    `tokens`: window attention keeps its tokens in the map of the convolutions around, or in a
    matrix (H * W, C). Only channels-first forms have this choice.
    """

    head_sum: Literal["matmul", "sum"] = "matmul"
    head_broadcast: Literal["matmul", "broadcast"] = "matmul"
    strips: int = 1
    tokens: Literal["map", "matrix"] = "map"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Of the map that a stage works on, in tokens, channels and heads."""

    height: int
    width: int
    dim: int
    heads: int

    def distance(self, other: "Shape") -> float:
        """How differently the two load a cache: in powers of two of tokens, channels and heads."""
        sizes = [(s.height * s.width, s.dim, s.heads) for s in (self, other)]
        return sum(abs(math.log2(a / b)) for a, b in zip(*sizes, strict=True))


@dataclass(frozen=True)
class Forms:
    """The forms that one target gets in one precision."""

    rows: tuple[tuple[Attention, Shape, Form], ...] = ()

    def of(self, attention: Attention, shape: Shape) -> Form:
        """The form of the nearest measured map, or the plain one."""
        known = [(s.distance(shape), form) for kind, s, form in self.rows if kind == attention]
        return min(known, key=lambda pair: pair[0])[1] if known else Form()


PLAIN = Forms()


def chosen(target: str, backend: str, precision: str) -> Forms:
    """The rows of the table for a backend of a target, and a precision.

    A backend's variants ("xnnpack-fp16") have its kernels, and its rows.
    """
    wanted = (target, backend.partition("-")[0], precision)
    return Forms(
        tuple(
            (row["attention"], Shape(**row["shape"]), Form(**row["form"]))
            for row in _table()["rows"]
            if (row["target"], row["backend"], row["precision"]) == wanted
        )
    )


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table
