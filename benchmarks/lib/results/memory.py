"""memory.json: working memory of model files."""

from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Measured
from benchmarks.lib.results.files import Candidate, Refused
from benchmarks.lib.results.gates import Verdict
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, NonNegative


class MemoryRow(Candidate, frozen=True, kw_only=True):
    """Working memory of a file. Only LiteRT has an arena, only our deploy form a verdict."""

    touched_bytes: Count
    arena_bytes: Count | UnsetType = UNSET
    arena_to_published: NonNegative | UnsetType = UNSET
    touched_to_published: NonNegative | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET


class Memory(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[MemoryRow, ...]
    refused: tuple[Refused, ...] = ()


def table(result: Memory) -> str:
    """Working memory beside that of the published graph."""
    title = (
        "Working memory without the weights. The arena is what LiteRT plans for a `.tflite` "
        "without delegates; touched is what one inference with XNNPACK on one thread writes to:"
    )
    head = ["target", "model", "form", "precision", "arena", "/ published", "touched"]
    lines = [
        [
            r.target, r.model, r.form, f"`{r.precision}`",
            megabytes(r.arena_bytes), ratio(r.arena_to_published),
            megabytes(r.touched_bytes), ratio(r.touched_to_published),
        ]
        for r in result.rows
    ]  # fmt: skip
    lines += [
        [r.target, r.model, r.form, f"`{r.precision}`", "refused", "", "", ""]
        for r in result.refused
    ]
    return grid(title, [*head, "/ published"], 4, lines)


def megabytes(size: int | UnsetType) -> str:
    """A size in MB, or nothing if it was not measured."""
    return "" if size is UNSET else f"{size / 1e6:.1f} MB"


def ratio(value: float | UnsetType) -> str:
    """A ratio with two decimals, or nothing if it was not measured."""
    return "" if value is UNSET else f"{value:.2f}"
