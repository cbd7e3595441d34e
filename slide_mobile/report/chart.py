"""A chart of the report: drawn wide and narrow, described in words, and given as a table."""

from collections.abc import Callable
from dataclasses import dataclass

from slide_mobile.report.drawing import Drawing

# Width of a desktop's column and of a phone's, in pixels of the drawing.
WIDE, NARROW = 980.0, 372.0
COLOURS = ("tflite", "executorch", "coreml", "onnx")  # other targets share one colour

TableCell = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """The numbers of a chart; cells that are numbers are set flush right."""

    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What every chart says besides its marks; `alt` describes it to readers who cannot see it.

    `key` is its id in the page.
    """

    key: str
    title: str
    alt: str
    table: Table
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart, or the reason why there is none (`missing`).

    `small` charts are placed side by side where there is room; these have no wide drawing.
    """

    key: str
    title: str
    alt: str = ""
    note: str = ""
    wide: Drawing | None = None
    narrow: Drawing | None = None
    table: Table | None = None
    missing: str | None = None
    small: bool = False


def colour(target: str) -> str:
    """The role by which the page colours a target."""
    return target if target in COLOURS else "other"


def none(key: str, title: str, why: str) -> Chart:
    """The place of a chart for which there are no numbers."""
    return Chart(key=key, title=title, missing=why)


def drawn(draw: Callable[[float], Drawing], words: Words, *, small: bool = False) -> Chart:
    """The chart that `draw` makes for a width in pixels."""
    return Chart(
        key=words.key,
        title=words.title,
        alt=words.alt,
        note=words.note,
        table=words.table,
        wide=None if small else draw(WIDE),
        narrow=draw(NARROW),
        small=small,
    )
