"""The picture of curve.json: accuracy against time, the paper's own reading beside ours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.lib import svg
from benchmarks.lib.results.curve import MACHINE, PAPER_MS, PRECISIONS, Curve, Side, value
from slide_mobile import models
from slide_mobile.report.axes import around, frame
from slide_mobile.report.drawing import Dot, Drawing, Line, Point, Text

FILE = "docs/images/curve.svg"
WIDTH, HEIGHT, TOP, GAP = 270.0, 230.0, 74.0, 14.0  # pixels of a panel; TOP is above all panels
TITLE = "ImageNet top-1 against time per image"
AXIS = "top-1, %"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Sizes of one network, joined by a line; `form` is what is drawn of ours."""

    name: str
    models: tuple[str, ...]
    form: str
    style: str
    dash: str = ""


SERIES = (
    Series(
        name="Swin, published",
        models=("swin_tiny", "swin_small", "swin_base"),
        form="published",
        style="parent",
    ),
    Series(
        name="PVT, published",
        models=("pvt_small", "pvt_medium", "pvt_large"),
        form="published",
        style="parent",
        dash="5 4",
    ),
    Series(
        name="Im2Col of Swin",
        models=("im2col_swin_tiny", "im2col_swin_small", "im2col_swin_base"),
        form="published",
        style="slow",
    ),
    Series(
        name="Im2Col of PVT",
        models=("im2col_pvt_small", "im2col_pvt_medium", "im2col_pvt_large"),
        form="published",
        style="slow",
        dash="5 4",
    ),
    Series(
        name="Slide-Swin, slide-mobile",
        models=("slide_swin_tiny", "slide_swin_small"),
        form="deploy",
        style="ours",
    ),
    Series(
        name="Slide-PVT, slide-mobile",
        models=("slide_pvt_small", "slide_pvt_medium"),
        form="deploy",
        style="ours",
        dash="5 4",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A plot: its title, the name of its axis, and (time, top-1) by model."""

    title: str
    unit: str
    points: Mapping[str, Point]


def curve(result: Curve) -> str:
    """The SVG: the paper's panel, and one for each axis and precision of ours."""
    return svg.plot(_drawing(result), words(result), kind="curve")


def words(result: Curve) -> str:
    """The picture for readers who cannot see it."""
    told = (
        f"{panel.title}: " + ", ".join(f"{model} {x:.0f}" for model, (x, _) in panel.points.items())
        for row in _panels(result)
        for panel in row
    )
    return f"{TITLE}. {'; '.join(told)}."


def _panels(result: Curve) -> list[list[Panel]]:
    """A row for each precision; the paper's panel is the first of the first row."""
    printed = {model: (ms, _top1(model)) for model, ms in PAPER_MS.items()}
    rows = []
    for precision in PRECISIONS:
        row = [
            Panel(title=f"here, {precision}", unit="ms", points=_ours(result, MACHINE, precision))
        ]
        for core in result.cores:
            found = _ours(result, core, precision)
            title = f"{core}, {precision}, estimated"
            row.append(Panel(title=title, unit="million cycles", points=found))
        rows.append(row)
    rows[0].insert(0, Panel(title="the paper, iPhone 12", unit="ms", points=printed))
    return rows


def _top1(model: str) -> float:
    found = models.spec(model).paper.top1
    assert found is not None, f"no paper prints the accuracy of {model}"
    return found


def _ours(result: Curve, axis: str, precision: str) -> dict[str, Point]:
    """What was measured on an axis, in milliseconds or million cycles."""
    scale = 1.0 if axis == MACHINE else 1e6
    found: dict[str, Point] = {}
    for series in SERIES:
        for model in series.models:
            taken = value(result, Side(model, series.form), axis, precision)
            if taken is not None:
                found[model] = (taken / scale, _top1(model))
    return found


def _drawing(result: Curve) -> Drawing:
    rows = _panels(result)
    wide = GAP + max(map(len, rows)) * (WIDTH + GAP)
    high = TOP + len(rows) * (HEIGHT + GAP) + 30
    parts = []
    for y, row in enumerate(rows):
        for x, panel in enumerate(row, start=max(map(len, rows)) - len(row)):
            at = (GAP + x * (WIDTH + GAP), TOP + y * (HEIGHT + GAP))
            parts.append(_moved(_plot(panel), at))
    texts = [
        Text(x=20, y=34, text=TITLE, style="title"),
        Text(x=20, y=56, text=_source(result), style="soft"),
    ]
    legend = list(_legend(GAP, TOP + HEIGHT + 40))
    return Drawing(
        width=wide,
        height=high,
        lines=[*(line for part in parts for line in part.lines), *(line for line, _ in legend)],
        dots=[dot for part in parts for dot in part.dots],
        texts=[*texts, *(t for part in parts for t in part.texts), *(text for _, text in legend)],
    )


def _plot(panel: Panel) -> Drawing:
    """A panel whose upper left corner is (0, 0)."""
    if not panel.points:
        texts = [
            Text(x=0, y=14, text=panel.title, style="soft"),
            Text(x=20, y=80, text="not measured"),
        ]
        return Drawing(width=WIDTH, height=HEIGHT, texts=texts)
    times, tops = zip(*panel.points.values(), strict=True)
    axes = frame(
        WIDTH,
        HEIGHT,
        x=around(times, zero=True),
        y=around([*tops, *(_top1(model) for model in PAPER_MS)]),
        x_label=panel.unit,
        y_label=f"{panel.title}; {AXIS}",
    )
    lines, dots = list(axes.lines), []
    for series in SERIES:
        at = {m: panel.points[m] for m in series.models if m in panel.points}
        places = tuple((axes.x(x), axes.y(y)) for x, y in at.values())
        lines.append(Line(points=places, style=series.style, dash=series.dash, title=series.name))
        for (x, y), (model, (time, top1)) in zip(places, at.items(), strict=True):
            title = f"{model}: {top1:.1f} %, {time:.0f} {panel.unit}"
            dots.append(Dot(x=x, y=y, radius=3.5, style=series.style, title=title))
    return Drawing(width=WIDTH, height=HEIGHT, lines=lines, dots=dots, texts=axes.texts)


def _moved(drawing: Drawing, at: Point) -> Drawing:
    """The marks of a drawing elsewhere."""
    dx, dy = at
    return replace(
        drawing,
        lines=[
            replace(each, points=tuple((x + dx, y + dy) for x, y in each.points))
            for each in drawing.lines
        ],
        dots=[replace(each, x=each.x + dx, y=each.y + dy) for each in drawing.dots],
        texts=[replace(each, x=each.x + dx, y=each.y + dy) for each in drawing.texts],
    )


def _legend(x: float, y: float) -> Iterator[tuple[Line, Text]]:
    """What each line stands for."""
    for place, series in enumerate(SERIES):
        at = y + 24 * place
        line = Line(points=((x + 6, at), (x + 46, at)), style=series.style, dash=series.dash)
        yield line, Text(x=x + 56, y=at + 4, text=series.name, style="tick")


def _source(result: Curve) -> str:
    """Where the numbers come from, in one line."""
    missing = f"; {len(result.missing)} files not measured yet" if result.missing else ""
    return (
        f"LiteRT, one thread, {result.environment.cpu}; cycles are an estimate. "
        f"benchmarks/results/curve.json{missing}"
    )
