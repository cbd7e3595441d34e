"""Kinds of chart: each one drawn wide and narrow, in words, and as a table."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slide_mobile.report.drawing import (
    CHARACTER,
    Box,
    Dot,
    Drawing,
    Line,
    Scale,
    Text,
    around,
    frame,
    labelled,
    number,
)

# A desktop's column and a phone's, in pixels of their own drawing.
WIDE, NARROW = 980.0, 372.0
DASHES = ("", "7 3", "2 3", "10 3 2 3", "1 4", "14 4", "4 6")  # of one colour's lines, in turn
COLOURS = ("tflite", "executorch", "coreml", "onnx")  # others are drawn as "other"

Cell = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table beside a chart; cells that are numbers stand right."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with what it says in words (`alt`), or the reason why there is none (`missing`).

    `small` charts stand side by side where there is room.
    """

    key: str
    title: str
    alt: str
    note: str
    wide: Drawing | None
    narrow: Drawing | None
    table: Table | None
    missing: str | None = None
    small: bool = False


def colour(target: str) -> str:
    """The role by which the page colours a target."""
    return target if target in COLOURS else "other"


def none(key: str, title: str, why: str) -> Chart:
    """A chart that there are no numbers for."""
    return Chart(
        key=key, title=title, alt="", note="", wide=None, narrow=None, table=None, missing=why
    )


def drawn(
    draw: Callable[[float], Drawing],
    *,
    key: str,
    title: str,
    alt: str,
    table: Table,
    note: str = "",
    small: bool = False,
) -> Chart:
    """A chart of what `draw` makes of the widths, the narrow one only if it is small."""
    return Chart(
        key=key,
        title=title,
        alt=alt,
        note=note,
        wide=None if small else draw(WIDE),
        narrow=draw(NARROW),
        table=table,
        small=small,
    )


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point of a scatter."""

    x: float
    y: float
    label: str
    target: str
    size_bytes: int


def scatter(
    spots: Sequence[Spot],
    *,
    key: str,
    title: str,
    alt: str,
    x: str,
    y: str,
    note: str,
    table: Table,
) -> Chart:
    """Labelled points; the area of each is the size of its file."""
    largest = max(spot.size_bytes for spot in spots)

    def draw(width: float) -> Drawing:
        made = frame(
            width,
            380 if width > NARROW else 360,
            x=around([s.x for s in spots], zero=True, margin=0.1),
            y=around([s.y for s in spots], margin=0.12),
            x_label=x,
            y_label=y,
        )
        radii = [4 + 8 * (spot.size_bytes / largest) ** 0.5 for spot in spots]
        places = [(made.x(s.x), made.y(s.y), s.label) for s in spots]
        starts = labelled(places, radii, width=width, top=24, bottom=made.y.start - 6)
        leaders = [
            Line(
                points=((px, py), (sx - 3 if sx > px else sx + CHARACTER * len(text) + 2, sy)),
                style="leader",
            )
            for (px, py, text), (sx, sy) in zip(places, starts, strict=True)
            if abs(sy - py) > 10
        ]
        return Drawing(
            width=width,
            height=made.height,
            lines=(*made.lines, *leaders),
            dots=[
                Dot(
                    x=px,
                    y=py,
                    radius=radius,
                    style=f"fill {colour(spot.target)}",
                    title=f"{spot.label}: {number(round(spot.x, 3))}, {number(round(spot.y, 3))}",
                )
                for (px, py, _), spot, radius in zip(places, spots, radii, strict=True)
            ],
            texts=(
                *made.texts,
                *(
                    Text(x=sx, y=sy + 4, text=text, style="label")
                    for (_, _, text), (sx, sy) in zip(places, starts, strict=True)
                ),
            ),
        )

    return drawn(draw, key=key, title=title, alt=alt, table=table, note=note)


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line of a chart; x are numbers of its points."""

    label: str
    target: str
    points: tuple[tuple[float, float], ...]


def lines(
    series: Sequence[Series],
    *,
    key: str,
    title: str,
    alt: str,
    x: str,
    y: str,
    note: str,
    table: Table,
    zero: bool = False,
) -> Chart:
    """Lines, with a legend above the plot."""
    xs = [p[0] for s in series for p in s.points]
    ys = [p[1] for s in series for p in s.points]

    def draw(width: float) -> Drawing:
        rows, dashes = _legend(series, width), _dashes(series)
        below = 22.0 * (max(row for row, _ in rows) + 1)
        made = frame(
            width, 320, x=around(xs, margin=0.01), y=around(ys, zero=zero), x_label=x, y_label=y
        )
        legend_lines, legend_texts = [], []
        for s, (row, left), dash in zip(series, rows, dashes, strict=True):
            level = made.height + 14 + 22 * row
            legend_lines.append(
                Line(
                    points=((left, level), (left + 26, level)),
                    style=f"line {colour(s.target)}",
                    dash=dash,
                )
            )
            legend_texts.append(Text(x=left + 32, y=level + 4, text=s.label, style="label"))
        return Drawing(
            width=width,
            height=made.height + below,
            lines=(
                *made.lines,
                *(
                    Line(
                        points=tuple((made.x(a), made.y(b)) for a, b in s.points),
                        style=f"line {colour(s.target)}",
                        dash=dash,
                        title=s.label,
                    )
                    for s, dash in zip(series, dashes, strict=True)
                ),
                *legend_lines,
            ),
            texts=(*made.texts, *legend_texts),
        )

    return drawn(draw, key=key, title=title, alt=alt, table=table, note=note)


def _dashes(series: Sequence[Series]) -> list[str]:
    """A pattern for each line, so that lines of one colour differ."""
    seen: Counter[str] = Counter()
    patterns = []
    for s in series:
        patterns.append(DASHES[seen[colour(s.target)] % len(DASHES)])
        seen[colour(s.target)] += 1
    return patterns


def _legend(series: Sequence[Series], width: float) -> list[tuple[int, float]]:
    """(row, left) of each name."""
    places, row, left = [], 0, 0.0
    for s in series:
        wide = 32 + CHARACTER * len(s.label) + 22
        if left and left + wide > width:
            row, left = row + 1, 0.0
        places.append((row, left))
        left += wide
    return places


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A horizontal bar from `low` to `high`, its name, and what is written behind it.

    Bars without a name belong to the one above.
    """

    label: str
    low: float
    high: float
    text: str
    style: str


def bars(
    given: Sequence[Bar],
    *,
    key: str,
    title: str,
    alt: str,
    table: Table,
    unit: str,
    note: str = "",
    high: float | None = None,
    small: bool = False,
) -> Chart:
    """Horizontal bars, one under another; on a narrow drawing their names stand above them."""
    low = min(0.0, *(bar.low for bar in given))
    top = high if high is not None else max(bar.high for bar in given) or 1.0

    def draw(width: float) -> Drawing:
        beside = width > NARROW
        name = CHARACTER * max(len(bar.label) for bar in given) + 12 if beside else 0.0
        behind = CHARACTER * max(len(bar.text) for bar in given) + 10
        left, right = min(name, width * 0.5), width - behind
        across = Scale(low=low, high=top, start=left, end=right)
        boxes, texts, y = [], [], 0.0
        for bar in given:
            if bar.label:
                y += 6 if beside else 20
                texts.append(
                    Text(x=left - 8, y=y + 11, text=bar.label, anchor="end", style="label")
                    if beside
                    else Text(x=0, y=y - 4, text=bar.label, style="label")
                )
            wide = max(across(bar.high) - across(bar.low), 1.0)
            hint = f"{bar.label}: {bar.text}" if bar.label else bar.text
            box = Box(
                x=across(bar.low), y=y, width=wide, height=13, style=f"fill {bar.style}", title=hint
            )
            boxes.append(box)
            texts.append(Text(x=box.x + wide + 6, y=y + 11, text=bar.text, style="value"))
            y += 17
        axis = Line(points=((across(0), 0), (across(0), y)), style="axis")
        texts.append(Text(x=left, y=y + 16, text=unit, style="axis-name"))
        return Drawing(
            width=width,
            height=y + 20,
            lines=(axis,) if beside or low < 0 else (),
            boxes=boxes,
            texts=texts,
        )

    return drawn(draw, key=key, title=title, alt=alt, table=table, note=note, small=small)
