"""targets.json: every target and precision beside each other."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import (
    Count,
    Decibels,
    Fraction,
    NonNegative,
    Positive,
    Sha256,
    Text,
)

_DEFAULT_BACKENDS = {"xnnpack", "mlprogram", "cpu"}  # which the table does not name


class Cell(Row, frozen=True, kw_only=True):
    """What is converted to what."""

    model: Text
    target: Text
    backend: Text
    precision: Text

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the cell."""
        return self.model, self.target, self.backend, self.precision

    @property
    def title(self) -> list[str]:
        """Target and precision, as the table names them."""
        other = "" if self.backend in _DEFAULT_BACKENDS else f", {self.backend}"
        return [f"{self.target}{other}", f"`{self.precision}`"]


class RefusedCell(Cell, frozen=True, kw_only=True):
    """A conversion that failed."""

    error: Text


class Conversion(Cell, frozen=True, kw_only=True):
    """The numbers of an artifact's manifest, and what its conversion took.

    `to_stock_fp32` is its latency over that of the published graph in fp32. `cpu` is the processor
    that converted it, `latency_cpu` the one that timed it.
    """

    sqnr_db: Decibels
    top1_agreement: Fraction | None
    samples: Count
    top1: Fraction | None
    reference_top1: Fraction | None
    runtime: Text
    size_bytes: Positive
    partitions: Count
    delegated_ops: Count
    total_ops: Count
    max_rank: Count
    int8_mac_fraction: Fraction
    min_runtime: Text | None
    toolchain: dict[Text, Text]
    created: Text
    cpu: Text
    with_amx: bool
    forms_sha256: Sha256
    seconds: NonNegative
    peak_rss_bytes: Count
    to_stock_fp32: NonNegative | UnsetType = UNSET
    valid: bool | UnsetType = UNSET
    runs: Count | UnsetType = UNSET
    latency_cpu: Text | UnsetType = UNSET


class Targets(Result, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[Conversion, ...]
    refused: tuple[RefusedCell, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of each row."""
        return tuple(r.forms_sha256 for r in self.rows)


def tables(result: Targets) -> str:
    """A table for each model."""
    return "\n".join(table(result, model) for model in dict.fromkeys(r.model for r in result.rows))


def table(result: Targets, model: str) -> str:
    """One model in every target and precision that was measured."""
    rows = [r for r in result.rows if r.model == model]
    first = rows[0]
    trained = first.top1 is not None
    title = f"`{model}`, random weights"
    if trained:
        title = (
            f"`{model}`, on {first.samples:,} held-out drawings "
            f"(PyTorch: top-1 {first.reference_top1:.2%})"
        )
    seconds, ratios = _processors(rows, "cpu"), _processors(rows, "latency_cpu")
    title += f"; converted on {seconds}, timed on {ratios}:"
    head = ["target", "precision", "SQNR"] + ["agreement", "top-1"] * trained
    head += ["size", "partitions", "ops inside / all", "rank", "int8 MACs", "convert", "/ stock"]
    lines = [_cells(r) for r in rows]
    refused = [r for r in result.refused if r.model == model]
    lines += [[*r.title, "refused", *[""] * (7 + 2 * trained)] for r in refused]
    return grid(title, head, 2, lines)


def _processors(rows: Sequence[Conversion], key: Literal["cpu", "latency_cpu"]) -> str:
    """The names of the processors in these rows."""
    names = dict.fromkeys(getattr(r, key) for r in rows)
    return " and ".join(name for name in names if name is not UNSET) or "none"


def _cells(r: Conversion) -> list[str]:
    """The line of a conversion."""
    agreement = [] if r.top1 is None else [f"{r.top1_agreement:.2%}", f"{r.top1:.2%}"]
    return [
        *r.title,
        f"{r.sqnr_db:.1f} dB",
        *agreement,
        f"{r.size_bytes / 1e6:.2f} MB",
        str(r.partitions),
        f"{r.delegated_ops} / {r.total_ops}",
        str(r.max_rank),
        f"{r.int8_mac_fraction:.0%}",
        f"{r.seconds:.0f} s",
        _ratio(r),
    ]


def _ratio(r: Conversion) -> str:
    """Latency over the stock graph's, or nothing if it was not timed."""
    if r.valid is False:
        return "invalid"
    return "" if r.to_stock_fp32 is UNSET else f"{r.to_stock_fp32:.2f}"
