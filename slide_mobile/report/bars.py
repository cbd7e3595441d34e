"""A bar chart: horizontal bars, one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.report.axes import Scale
from slide_mobile.report.chart import NARROW, Chart, Words, drawn
from slide_mobile.report.drawing import CHARACTER, Box, Drawing, Line, Text

MOST_BARS = 16  # in one chart; its table has all
HEIGHT, PITCH = 13.0, 17.0  # of a bar, and from one bar to the next, in pixels


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar from `low` to `high`, with its name and the text behind it.

    A bar without a name belongs to the one above it.
    """

    label: str
    low: float
    high: float
    text: str
    style: str


def bars(
    given: Sequence[Bar], words: Words, *, unit: str, high: float | None = None, small: bool = False
) -> Chart:
    """Horizontal bars up to `high`, by default the longest; `unit` names the axis."""
    low = min(0.0, *(bar.low for bar in given))
    top = high if high is not None else max(bar.high for bar in given) or 1.0

    def draw(width: float) -> Drawing:
        """The bars, in a width in pixels."""
        beside = width > NARROW  # on a narrow drawing, names are above their bars
        name = CHARACTER * max(len(bar.label) for bar in given) + 12 if beside else 0.0
        behind = CHARACTER * max(len(bar.text) for bar in given) + 10
        across = Scale(low=low, high=top, start=min(name, width * 0.5), end=width - behind)
        tops, height = _tops(given, 6 if beside else 20)
        axis = Line(points=((across(0), 0), (across(0), height)), style="axis")
        pairs = list(zip(given, tops, strict=True))
        boxes = [_box(bar, y, across) for bar, y in pairs]
        return Drawing(
            width=width,
            height=height + 20,
            lines=(axis,) if beside or low < 0 else (),
            boxes=boxes,
            texts=(
                *(_name(bar, y, across, beside) for bar, y in pairs if bar.label),
                *(_value(bar, box) for bar, box in zip(given, boxes, strict=True)),
                Text(x=across.start, y=height + 16, text=unit, style="axis-name"),
            ),
        )

    return drawn(draw, words, small=small)


def _tops(given: Sequence[Bar], gap: float) -> tuple[list[float], float]:
    """Where each bar starts, with a gap above each name, and where the last one ends."""
    tops, y = [], 0.0
    for bar in given:
        y += gap if bar.label else 0
        tops.append(y)
        y += PITCH
    return tops, y


def _box(bar: Bar, y: float, across: Scale) -> Box:
    """The rectangle of a bar."""
    return Box(
        x=across(bar.low),
        y=y,
        width=max(across(bar.high) - across(bar.low), 1.0),
        height=HEIGHT,
        style=f"fill {bar.style}",
        title=f"{bar.label}: {bar.text}" if bar.label else bar.text,
    )


def _name(bar: Bar, y: float, across: Scale, beside: bool) -> Text:
    """The name of a bar, beside or above it."""
    if beside:
        return Text(x=across.start - 8, y=y + 11, text=bar.label, anchor="end", style="label")
    return Text(x=0, y=y - 4, text=bar.label, style="label")


def _value(bar: Bar, box: Box) -> Text:
    """The text behind a bar."""
    return Text(x=box.x + box.width + 6, y=box.y + 11, text=bar.text, style="value")
