"""A line chart, with a legend below the plot."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from slide_mobile.report.axes import around, frame
from slide_mobile.report.chart import Chart, Words, colour, drawn
from slide_mobile.report.drawing import CHARACTER, Drawing, Line, Point, Text

DASHES = ("", "7 3", "2 3", "10 3 2 3", "1 4", "14 4", "4 6")  # for lines of one colour, in turn
ROW = 22.0  # height of a row of the legend, in pixels
SAMPLE = 32.0  # width of a line's sample in the legend, and the space behind it


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a chart, by its points (x, y)."""

    label: str
    target: str
    points: tuple[Point, ...]


def lines(series: Sequence[Series], words: Words, *, x: str, y: str, zero: bool = False) -> Chart:
    """One line per series; if `zero`, the vertical axis starts at 0."""
    xs = [point[0] for one in series for point in one.points]
    ys = [point[1] for one in series for point in one.points]
    dashes = _dashes(series)

    def draw(width: float) -> Drawing:
        """The lines and their legend, in a width in pixels."""
        axes = frame(
            width, 320, x=around(xs, margin=0.01), y=around(ys, zero=zero), x_label=x, y_label=y
        )
        places = _legend(series, width)
        plotted = [
            Line(
                points=tuple((axes.x(a), axes.y(b)) for a, b in one.points),
                style=f"line {colour(one.target)}",
                dash=dash,
                title=one.label,
            )
            for one, dash in zip(series, dashes, strict=True)
        ]
        tops = [axes.height + 14 + ROW * row for row, _ in places]
        samples = [
            Line(points=((left, top), (left + 26, top)), style=line.style, dash=line.dash)
            for line, (_, left), top in zip(plotted, places, tops, strict=True)
        ]
        names = [
            Text(x=left + SAMPLE, y=top + 4, text=one.label, style="label")
            for one, (_, left), top in zip(series, places, tops, strict=True)
        ]
        return Drawing(
            width=width,
            height=axes.height + ROW * (1 + max(row for row, _ in places)),
            lines=(*axes.lines, *plotted, *samples),
            texts=(*axes.texts, *names),
        )

    return drawn(draw, words)


def _dashes(series: Sequence[Series]) -> list[str]:
    """A dash pattern for each line, so that lines of one colour differ."""
    seen: Counter[str] = Counter()
    patterns = []
    for one in series:
        patterns.append(DASHES[seen[colour(one.target)] % len(DASHES)])
        seen[colour(one.target)] += 1
    return patterns


def _legend(series: Sequence[Series], width: float) -> list[tuple[int, float]]:
    """(row, left) of each line's entry in the legend."""
    places, row, left = [], 0, 0.0
    for one in series:
        wide = SAMPLE + CHARACTER * len(one.label) + 22
        if left and left + wide > width:
            row, left = row + 1, 0.0
        places.append((row, left))
        left += wide
    return places
