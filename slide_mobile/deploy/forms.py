"""The graph form of each stage's attention, chosen by target, precision and shape of the map.

All forms compute the same function; the choice is data. forms.json is the table, with the
latencies on x86 that decided each row, and `python -m benchmarks.choose` measures it again.
phone_forms.json has the rows that an estimate of cycles chose for cores of phones. A map shape that
was not measured gets the form of the nearest measured shape; a target or precision that was not
measured gets the plain form.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.targets.tuning import BALANCED, Tune

TABLE = Path(__file__).with_name("forms.json")
PHONES = Path(__file__).with_name("phone_forms.json")

BALANCED_FOR = "a76"  # the core of the default, where x86 can bear its form
MOST_LOST = 1.05  # latency of a stage on x86, over that of the form that was chosen there

Attention = Literal["slide", "window"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the attention of a stage is written; every combination computes the same function.

    `head_sum`: the channels of a head are added by a constant matmul or by a sum.
    `head_broadcast`: a head's weight reaches its channels by a constant matmul or by broadcasting.
    `shifts`: for K, or for K and V, the depthwise convolutions are written as shifted maps and
    matmuls. Only channels-last models have this choice. With it, neither `head_sum` nor, for V,
    `head_broadcast` matters.
    `strips`: the number of horizontal strips that are computed one after another, so that
    intermediate tensors stay in the cache.
    `tokens`: window attention keeps its tokens in a map, or in a matrix (H * W, C). Only
    channels-first models have this choice.
    """

    head_sum: Literal["matmul", "sum"] = "matmul"
    head_broadcast: Literal["matmul", "broadcast"] = "matmul"
    shifts: Literal["none", "keys", "both"] = "none"
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


class PhoneRow(Row, frozen=True, kw_only=True):
    """A row of phone_forms.json: what an estimate chose for a core.

    `on_x86` is the latency of a stage on x86 in this form, over that in the form of forms.json.
    """

    core: str
    on_x86: float | None = None

    def is_for(self, tune: Tune) -> bool:
        """Whether a tuning takes this form."""
        if tune != BALANCED:
            return self.core == tune
        bearable = self.on_x86 is not None and self.on_x86 <= MOST_LOST
        return self.core == BALANCED_FOR and bearable


class _Table(Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]


class _Phones(Struct, frozen=True, kw_only=True):
    rows: tuple[PhoneRow, ...]


def chosen(target: str, backend: str, precision: str, tune: Tune = BALANCED) -> Forms:
    """Return the forms for one target, backend and precision, tuned for a core.

    A variant of a backend ("xnnpack-fp16") uses the same kernels, and so the same rows. A stage
    without an estimate for that core keeps the form that was chosen on x86.
    """
    wanted = (target, backend.partition("-")[0], precision)
    overlaid = (*rows(), *(row for row in phone_rows() if row.is_for(tune)))
    forms = {
        (row.attention, row.shape): row.form
        for row in overlaid
        if (row.target, row.backend, row.precision) == wanted
    }
    return Forms(tuple((*key, form) for key, form in forms.items()))


@cache
def rows(table: Path = TABLE) -> tuple[Row, ...]:
    """Every row of forms.json, read once."""
    return documents.decode(table.read_bytes(), _Table).rows


@cache
def phone_rows(table: Path = PHONES) -> tuple[PhoneRow, ...]:
    """Every row of phone_forms.json, read once."""
    return documents.decode(table.read_bytes(), _Phones).rows
