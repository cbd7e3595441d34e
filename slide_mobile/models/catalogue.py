"""The models as data: what is counted in each network, beside what the papers print.

`census.json` holds the rows, so that a list of models takes no torch and builds no network.
`python -m tools.count_models` writes it from the registry, and tests hold the two equal.
"""

import functools
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import Finite, Name, NonNegative, Positive, Side, Text

FAR_PERCENT = 2.0  # a larger difference from the paper is marked
CENSUS = Path(__file__).with_name("census.json")

Preset = Literal["paper", "release", "baseline", "demo", "test"]


class Paper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a paper's tables; None where it prints nothing."""

    params_m: NonNegative | None = None
    macs_g: NonNegative | None = None
    top1: NonNegative | None = None


class Difference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counted minus printed, in percent of what is printed; None where nothing is."""

    params_percent: Finite | None
    macs_percent: Finite | None
    far: bool  # whether one of the two is beyond FAR_PERCENT


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model: its configuration's origin, its size at `input_size`, and the paper's figures."""

    name: Name
    family: Name
    params: Positive
    macs: Positive
    input_size: tuple[Side, Side]  # (height, width)
    preset: Preset
    paper: Paper
    difference: Difference
    notes: tuple[Text, ...]


class Census(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: one row for each model, in the order of the registry."""

    written_by: Name
    models: tuple[Row, ...]


@functools.cache
def list_models() -> tuple[Row, ...]:
    """Each public model: its name, its size, and the paper's figures; in the registry's order."""
    return documents.decode(CENSUS.read_bytes(), Census).models
