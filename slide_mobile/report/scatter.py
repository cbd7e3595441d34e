"""A scatter chart: labelled points whose labels do not cover each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.report.axes import Frame, around, frame, number
from slide_mobile.report.chart import NARROW, Chart, Words, colour, drawn
from slide_mobile.report.drawing import CHARACTER, Dot, Drawing, Line, Point, Text

LINE = 15.0  # pixels from a label to the one below it
# How many lines a label is moved up (negative) or down, in the order of preference.
MOVES = (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5)

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point of a scatter chart."""

    x: float
    y: float
    label: str
    target: str
    size_bytes: int


def scatter(spots: Sequence[Spot], words: Words, *, x: str, y: str) -> Chart:
    """Labelled points; the area of each shows the size of its file."""
    largest = max(spot.size_bytes for spot in spots)
    radii = [4 + 8 * (spot.size_bytes / largest) ** 0.5 for spot in spots]

    def draw(width: float) -> Drawing:
        """The points and their labels, in a width in pixels."""
        axes = frame(
            width,
            380 if width > NARROW else 360,
            x=around([spot.x for spot in spots], zero=True, margin=0.1),
            y=around([spot.y for spot in spots], margin=0.12),
            x_label=x,
            y_label=y,
        )
        places = [(axes.x(spot.x), axes.y(spot.y), spot.label) for spot in spots]
        starts = labelled(places, radii, width=width, top=24, bottom=axes.y.start - 6)
        labels = [
            Text(x=start_x, y=start_y + 4, text=text, style="label")
            for (_, _, text), (start_x, start_y) in zip(places, starts, strict=True)
        ]
        return Drawing(
            width=width,
            height=axes.height,
            lines=(*axes.lines, *_leaders(places, starts)),
            dots=_dots(spots, radii, axes),
            texts=(*axes.texts, *labels),
        )

    return drawn(draw, words)


def labelled(
    points: Sequence[tuple[float, float, str]],
    radii: Sequence[float],
    *,
    width: float,
    top: float,
    bottom: float,
) -> list[Point]:
    """Where the labels of dots start: no label covers another or a dot where that is possible.

    A label is to the right of its dot, or to the left where it would leave the drawing, and moves
    up or down by lines until its place is free.
    """
    taken = [(x - r, y - r, x + r, y + r) for (x, y, _), r in zip(points, radii, strict=True)]
    starts = []
    for (x, y, text), r in zip(points, radii, strict=True):
        wide = CHARACTER * len(text)
        inside = [
            (start, y + LINE * move)
            for move in MOVES
            for start in (x + r + 4, x - r - 4 - wide)
            if 0 <= start <= width - wide and top <= y + LINE * move <= bottom
        ]
        free = (at for at in inside if not any(_overlap(_label(at, wide), box) for box in taken))
        start = next(free, inside[0] if inside else (max(0.0, width - wide), y))
        taken.append(_label(start, wide))
        starts.append(start)
    return starts


def _label(start: Point, wide: float) -> Rectangle:
    """The rectangle that a label of this width covers."""
    x, y = start
    return (x, y - 7, x + wide, y + 7)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _leaders(places: Sequence[tuple[float, float, str]], starts: Sequence[Point]) -> list[Line]:
    """Lines from the dots to the labels that moved away from them."""
    return [
        Line(
            points=((x, y), (at_x - 3 if at_x > x else at_x + CHARACTER * len(text) + 2, at_y)),
            style="leader",
        )
        for (x, y, text), (at_x, at_y) in zip(places, starts, strict=True)
        if abs(at_y - y) > 10
    ]


def _dots(spots: Sequence[Spot], radii: Sequence[float], axes: Frame) -> list[Dot]:
    """The points, with their names and values as titles."""
    return [
        Dot(
            x=axes.x(spot.x),
            y=axes.y(spot.y),
            radius=radius,
            style=f"fill {colour(spot.target)}",
            title=f"{spot.label}: {number(round(spot.x, 3))}, {number(round(spot.y, 3))}",
        )
        for spot, radius in zip(spots, radii, strict=True)
    ]
