"""A scatter chart: labelled points whose labels do not cover each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.report.axes import Frame, around, frame, number
from slide_mobile.report.chart import NARROW, Chart, Words, colour, drawn
from slide_mobile.report.drawing import CHARACTER, Dot, Drawing, Line, Point, Text

ROOM = 3.0  # pixels beside a label
LINE = 15.0  # pixels from a label to the one below it
# How many lines a label is moved up (negative) or down, in the order of preference.
MOVES = (-1, 1, -2, 2, -3, 3, -4, 4, -5, 5)

LabelledPoint = tuple[float, float, str]
Circle = tuple[float, float, float]  # its center and its radius
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point of a scatter chart."""

    x: float
    y: float
    label: str
    target: str
    size_bytes: int


def scatter(
    spots: Sequence[Spot], words: Words, *, x: str, y: str, most: float = math.inf
) -> Chart:
    """Labelled points; the area of each shows the size of its file. No y is above `most`.

    Where the names do not all fit beside their points, the points have numbers, and the names stand
    below the plot.
    """
    low, high = around([spot.y for spot in spots], margin=0.12)
    largest = max(spot.size_bytes for spot in spots)
    radii = [4 + 8 * (spot.size_bytes / largest) ** 0.5 for spot in spots]

    def draw(width: float) -> Drawing:
        """The points and their labels, in a width in pixels."""
        axes = frame(
            width,
            380 if width > NARROW else 360,
            x=around([spot.x for spot in spots], zero=True, margin=0.1),
            y=(low, min(high, most)),
            x_label=x,
            y_label=y,
        )
        room = {"width": width, "top": 24, "bottom": axes.y.start - 6}
        points = [(axes.x(spot.x), axes.y(spot.y), spot.label) for spot in spots]
        starts, names = labelled(points, radii, **room), []
        if not all_clear(points, radii, starts):
            points = [(at_x, at_y, str(i)) for i, (at_x, at_y, _) in enumerate(points, 1)]
            starts = labelled(points, radii, **room)
            names = _names([spot.label for spot in spots], width, axes.height + LINE)
        labels = [
            Text(x=start_x, y=start_y + 4, text=text, style="label")
            for (_, _, text), (start_x, start_y) in zip(points, starts, strict=True)
        ]
        return Drawing(
            width=width,
            height=names[-1].y + 8 if names else axes.height,
            lines=(*axes.lines, *_leaders(points, starts)),
            dots=_dots(spots, radii, axes),
            texts=(*axes.texts, *labels, *names),
        )

    return drawn(draw, words)


def labelled(
    points: Sequence[LabelledPoint],
    radii: Sequence[float],
    *,
    width: float,
    top: float,
    bottom: float,
) -> list[Point]:
    """Where the labels of dots start: each nearest to its own dot where that is possible.

    A label is to the right of its dot, to the left, above or below, or moves up or down by lines:
    the first place that covers nothing and is nearer to no other dot.
    """
    dots = [(x, y, r) for (x, y, _), r in zip(points, radii, strict=True)]
    taken = [_around(dot) for dot in dots]
    starts = []
    for (x, y, text), dot in zip(points, dots, strict=True):
        wide = CHARACTER * len(text)
        inside = [
            (at_x, at_y)
            for at_x, at_y in _places(dot, wide)
            if 0 <= at_x <= width - wide and top <= at_y <= bottom
        ]
        covered = [_covers(_label(at, wide), taken) for at in inside]
        astray = [_is_astray(_label(at, wide), dot, dots) for at in inside]
        order = sorted(range(len(inside)), key=lambda i: (covered[i], astray[i], i))
        start = inside[order[0]] if inside else (max(0.0, min(x, width - wide)), y)
        taken.append(_label(start, wide))
        starts.append(start)
    return starts


def all_clear(
    points: Sequence[LabelledPoint], radii: Sequence[float], starts: Sequence[Point]
) -> bool:
    """Whether no label covers a dot or another label, or is nearer to another dot than its own."""
    dots = [(x, y, r) for (x, y, _), r in zip(points, radii, strict=True)]
    labels = [
        _label(start, CHARACTER * len(text))
        for start, (_, _, text) in zip(starts, points, strict=True)
    ]
    boxes = [*map(_around, dots), *labels]
    return not any(
        _covers(label, [box for box in boxes if box is not label]) or _is_astray(label, dot, dots)
        for label, dot in zip(labels, dots, strict=True)
    )


def _places(dot: Circle, wide: float) -> list[Point]:
    """Where a label may start, the best place first."""
    x, y, r = dot
    sides = (x + r + 4, x - r - 4 - wide)
    ends = [(x - wide / 2, y - r - 9), (x - wide / 2, y + r + 9)]
    near = [(side, y) for side in sides]
    return near + ends + [(side, y + LINE * move) for move in MOVES for side in sides]


def _covers(label: Rectangle, boxes: Sequence[Rectangle]) -> bool:
    """Whether a label covers any of these."""
    return any(_overlap(label, box) for box in boxes)


def _is_astray(label: Rectangle, own: Circle, dots: Sequence[Circle]) -> bool:
    """Whether a label is nearer to another dot than to its own."""
    return any(_gap(label, dot) < _gap(label, own) for dot in dots if dot != own)


def _gap(box: Rectangle, dot: Circle) -> float:
    """The distance between a rectangle and the edge of a circle, 0 or less where they touch."""
    (left, top, right, bottom), (x, y, r) = box, dot
    return math.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom)) - r


def _around(dot: Circle) -> Rectangle:
    """The square around a circle."""
    x, y, r = dot
    return (x - r, y - r, x + r, y + r)


def _names(labels: Sequence[str], width: float, top: float) -> list[Text]:
    """The names of numbered points, in columns below the plot."""
    texts = [f"{number}  {label}" for number, label in enumerate(labels, 1)]
    wide = CHARACTER * max(map(len, texts)) + 16
    columns = max(1, int(width // wide))
    return [
        Text(x=wide * (i % columns), y=top + LINE * (i // columns), text=text, style="label")
        for i, text in enumerate(texts)
    ]


def _label(start: Point, wide: float) -> Rectangle:
    """The rectangle that a label of this width covers, with some room beside it."""
    x, y = start
    return (x - ROOM, y - 7, x + wide + ROOM, y + 7)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _leaders(places: Sequence[LabelledPoint], starts: Sequence[Point]) -> list[Line]:
    """Lines from the dots to the labels that moved away from them."""
    return [
        Line(
            points=((x, y), (at_x - 3 if at_x > x else at_x + CHARACTER * len(text) + 2, at_y)),
            style="leader",
        )
        for (x, y, text), (at_x, at_y) in zip(places, starts, strict=True)
        if abs(at_y - y) > 10 and not at_x <= x <= at_x + CHARACTER * len(text)
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
