"""Pictures as values: primitive marks in a box, which the templates write as SVG.

Coordinates are pixels of the drawing's own box, y downwards. Colours are names of roles, so that
the page's style decides what they are in light, in dark and on paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

CHARACTER = 6.4  # width of one in pixels, of the 12 px sans-serif that the page's style gives text


@dataclass(frozen=True, kw_only=True)
class Line:
    """A polyline; `style` is its class in the page's style, `dash` its pattern."""

    points: tuple[Point, ...]
    style: str
    dash: str = ""
    title: str = ""

    @property
    def path(self) -> str:
        """The points as SVG takes them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle; `title` is shown by the browser when the pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A circle."""

    x: float
    y: float
    radius: float
    style: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A line of text, from, around or up to x, on the base line y."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    style: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Marks in the order in which they cover each other."""

    width: float
    height: float
    lines: Sequence[Line] = ()
    boxes: Sequence[Box] = ()
    dots: Sequence[Dot] = ()
    texts: Sequence[Text] = ()


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear map from values in low..high to pixels in start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About `count` round values inside."""
        return round_values(self.low, self.high, count)


def round_values(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten in low..high, about `count` of them."""
    rough = (high - low or 1.0) / max(count, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = min(
        (m * power for m in (1, 2, 2.5, 5, 10)), key=lambda candidate: abs(candidate - rough)
    )
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def around(
    values: Sequence[float], *, margin: float = 0.08, zero: bool = False
) -> tuple[float, float]:
    """(low, high) that hold the values and some air; from 0 where `zero`."""
    low, high = min(values), max(values)
    air = (high - low or abs(high) or 1.0) * margin
    return (0.0 if zero else low - air), high + air


def number(value: float) -> str:
    """A value as an axis says it."""
    return f"{value:g}"


@dataclass
class Frame:
    """The plot area of a drawing with two axes, and the marks of the axes."""

    width: float
    height: float
    x: Scale
    y: Scale
    lines: list[Line] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def frame(
    width: float,
    height: float,
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    x_label: str,
    y_label: str,
    right: float = 16,
    left: float = 46,
    whole: bool = False,
) -> Frame:
    """Axes with a grid and round ticks, of y at whole numbers only if `whole`.

    `left` and `right` are the room for what stands beside the plot.
    """
    top, bottom = 30.0, 44.0
    across = Scale(low=x[0], high=x[1], start=left, end=width - right)
    up = Scale(low=y[0], high=y[1], start=height - bottom, end=top)
    made = Frame(width, height, across, up)
    for tick in up.ticks(5):
        if whole and tick % 1:
            continue
        made.lines.append(Line(points=((left, up(tick)), (across.end, up(tick))), style="grid"))
        made.texts.append(
            Text(x=left - 8, y=up(tick) + 4, text=number(tick), anchor="end", style="tick")
        )
    for tick in across.ticks(max(3, int((across.end - left) / 75))):
        made.texts.append(
            Text(x=across(tick), y=up.start + 18, text=number(tick), anchor="middle", style="tick")
        )
        made.lines.append(
            Line(points=((across(tick), up.start), (across(tick), up.start + 4)), style="axis")
        )
    made.lines.append(Line(points=((left, up.start), (across.end, up.start)), style="axis"))
    made.texts.append(Text(x=0, y=14, text=y_label, style="axis-name"))
    made.texts.append(
        Text(x=across.end, y=height - 6, text=x_label, anchor="end", style="axis-name")
    )
    return made


def labelled(
    points: Sequence[tuple[float, float, str]],
    radii: Sequence[float],
    *,
    width: float,
    top: float,
    bottom: float,
) -> list[Point]:
    """Where the labels of dots start, so that nothing covers anything where that can be.

    A label stands right of its dot, or left of it where it would leave the drawing, and moves up or
    down by lines until it is free.
    """
    taken = [(x - r, y - r, x + r, y + r) for (x, y, _), r in zip(points, radii, strict=True)]
    starts = []
    for (x, y, text), r in zip(points, radii, strict=True):
        wide = CHARACTER * len(text)
        candidates = [
            (start, y + 15 * step)
            for step in (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5)
            for start in (x + r + 4, x - r - 4 - wide)
        ]
        inside = [
            (a, b) for a, b in candidates if a >= 0 and a + wide <= width and top <= b <= bottom
        ]
        start = next(
            (spot for spot in inside if not any(_meet(_box(spot, wide), box) for box in taken)),
            inside[0] if inside else (max(0.0, width - wide), y),
        )
        taken.append(_box(start, wide))
        starts.append(start)
    return starts


def _box(start: Point, wide: float) -> tuple[float, float, float, float]:
    x, y = start
    return (x, y - 7, x + wide, y + 7)


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
