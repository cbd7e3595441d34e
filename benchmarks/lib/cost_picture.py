"""The picture of cost_validation.json: estimated over real times, on logarithmic axes."""

import math
from collections.abc import Iterable

from benchmarks.lib import svg
from benchmarks.lib.results.cost_validation import (
    CostValidation,
    FileRow,
    OperationRow,
    factor,
    pairs,
)
from slide_mobile.report.axes import Scale
from slide_mobile.report.drawing import Dot, Drawing, Line, Text

FILE = "docs/images/cost-validation.svg"
WIDTH, HEIGHT, LEFT, TOP, SIDE = 600.0, 650.0, 84.0, 84.0, 480.0  # pixels; SIDE is of the plot
TITLE = "Estimated and real time on one x86 core"


def scatter(result: CostValidation) -> str:
    """The SVG: a dot for each operation and each whole model, and the line of no error."""
    return svg.plot(_drawing(result), words(result), kind="scatter")


def words(result: CostValidation) -> str:
    """The picture for readers who cannot see it."""
    return (
        f"{TITLE}: {len(result.files)} whole models and {len(result.operations)} operations lie "
        "along the line on which both are equal."
    )


def _drawing(result: CostValidation) -> Drawing:
    """A square whose axes have the same decades."""
    scale = factor(pairs(result.files))
    rows: list[FileRow | OperationRow] = [*result.operations, *result.files]
    values = [value for row in rows for value in (row.cycles / scale, row.microseconds)]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    across = Scale(low=low, high=high, start=LEFT, end=LEFT + SIDE)
    up = Scale(low=low, high=high, start=TOP + SIDE, end=TOP)
    decades = range(low, high + 1)
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        lines=[*_grid(across, up, decades), _line(across, up, low, high)],
        dots=[
            *(_dot(row, scale, across, up, 2.5, "faint") for row in result.operations),
            *(_dot(row, scale, across, up, 5.0, "ours") for row in result.files),
        ],
        texts=[*_texts(result), *_ticks(across, up, decades)],
    )


def _dot(
    row: FileRow | OperationRow, scale: float, across: Scale, up: Scale, radius: float, style: str
) -> Dot:
    guess, real = row.cycles / scale, row.microseconds
    return Dot(
        x=across(math.log10(real)),
        y=up(math.log10(guess)),
        radius=radius,
        style=style,
        title=f"{row.name}: {real:.0f} µs, estimated {guess:.0f} µs",
    )


def _grid(across: Scale, up: Scale, decades: Iterable[int]) -> Iterable[Line]:
    for decade in decades:
        x, y = across(decade), up(decade)
        yield Line(points=((x, up.start), (x, up.end)), style="grid")
        yield Line(points=((across.start, y), (across.end, y)), style="grid")


def _line(across: Scale, up: Scale, low: float, high: float) -> Line:
    """Where the estimate is right."""
    return Line(points=((across(low), up(low)), (across(high), up(high))), style="axis", dash="4 3")


def _ticks(across: Scale, up: Scale, decades: Iterable[int]) -> Iterable[Text]:
    for decade in decades:
        name = _duration(10**decade)
        yield Text(x=across(decade), y=up.start + 20, text=name, anchor="middle", style="tick")
        yield Text(x=across.start - 8, y=up(decade) + 4, text=name, anchor="end", style="tick")


def _duration(microseconds: float) -> str:
    return f"{microseconds:g} µs" if microseconds < 1e3 else f"{microseconds / 1e3:g} ms"


def _texts(result: CostValidation) -> Iterable[Text]:
    yield Text(x=20, y=34, text=TITLE, style="title")
    text = f"blue: {len(result.files)} whole models; grey: {len(result.operations)} operations"
    yield Text(x=20, y=56, text=f"{text}; up: estimated, right: real", style="soft")
    text = f"{result.simulated_by}, {result.environment.cpu} without AVX-512."
    yield Text(x=20, y=HEIGHT - 36, text=text, style="small")
    source = "Source: benchmarks/results/cost_validation.json"
    yield Text(x=20, y=HEIGHT - 18, text=source, style="small")
