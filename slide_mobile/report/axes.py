"""Axes: linear scales, round ticks, and the frame of a plot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.report.drawing import Anchor, Line, Text

TOP, BOTTOM, RIGHT = 30.0, 44.0, 16.0  # room around a plot for names and numbers, in pixels


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear map from values in low..high to pixels in start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value, in pixels."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About `count` round values between low and high."""
        return round_values(self.low, self.high, count)


def round_values(low: float, high: float, count: int) -> list[float]:
    """About `count` values in low..high, multiples of 1, 2, 2.5 or 5 times a power of ten."""
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
    """(low, high) around the values, with a margin; low is 0 if `zero`."""
    low, high = min(values), max(values)
    space = (high - low or abs(high) or 1.0) * margin
    return (0.0 if zero else low - space), high + space


def number(value: float) -> str:
    """A value as an axis prints it."""
    return f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The plot area of a drawing with two axes, and the marks of the axes."""

    width: float
    height: float
    x: Scale
    y: Scale
    lines: tuple[Line, ...]
    texts: tuple[Text, ...]


def frame(
    width: float,
    height: float,
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    x_label: str,
    y_label: str,
    left: float = 46,
    whole: bool = False,
) -> Frame:
    """Axes with a grid and round ticks; if `whole`, the ticks of y are whole numbers.

    `left` is the room for the numbers beside the plot.
    """
    across = Scale(low=x[0], high=x[1], start=left, end=width - RIGHT)
    up = Scale(low=y[0], high=y[1], start=height - BOTTOM, end=TOP)
    steps = [tick for tick in up.ticks(5) if not whole or tick % 1 == 0]
    columns = across.ticks(max(3, int((across.end - left) / 75)))
    return Frame(
        width=width,
        height=height,
        x=across,
        y=up,
        lines=(
            *(_horizontal(across, up(tick), "grid") for tick in steps),
            *(_tick(across(tick), up.start) for tick in columns),
            _horizontal(across, up.start, "axis"),
        ),
        texts=(
            *(_number(left - 8, up(tick) + 4, tick, "end") for tick in steps),
            *(_number(across(tick), up.start + 18, tick, "middle") for tick in columns),
            Text(x=0, y=14, text=y_label, style="axis-name"),
            Text(x=across.end, y=height - 6, text=x_label, anchor="end", style="axis-name"),
        ),
    )


def _horizontal(across: Scale, y: float, style: str) -> Line:
    """A line across the plot."""
    return Line(points=((across.start, y), (across.end, y)), style=style)


def _tick(x: float, y: float) -> Line:
    """A short mark below the plot."""
    return Line(points=((x, y), (x, y + 4)), style="axis")


def _number(x: float, y: float, value: float, anchor: Anchor) -> Text:
    """The number of a tick."""
    return Text(x=x, y=y, text=number(value), anchor=anchor, style="tick")
