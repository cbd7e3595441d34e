"""Geometry of the charts: ticks, labels that keep off each other, marks that stay inside."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slide_mobile.report import plots
from slide_mobile.report.drawing import CHARACTER, Drawing, Scale, around, labelled, round_values
from slide_mobile.report.plots import Bar, Chart, Series, Spot, Table

TABLE = Table(head=("a",), rows=((1,),))
WORDS = {"key": "k", "title": "t", "alt": "in words", "table": TABLE}
VALUES = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda x: round(x, 3))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.93, 1.02, [0.94, 0.96, 0.98, 1.0, 1.02]),
        (-7, 7, [-5, -2.5, 0, 2.5, 5]),
        (99.0, 99.08, [99.0, 99.02, 99.04, 99.06, 99.08]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert round_values(low, high, 5) == pytest.approx(expected)


@given(VALUES, VALUES, st.integers(1, 12))
def test_ticks_lie_inside_and_are_not_many(a: float, b: float, count: int) -> None:
    low, high = sorted((a, b))
    ticks = round_values(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert len(ticks) <= 3 * count + 2


@given(st.lists(VALUES, min_size=1, max_size=5), st.booleans())
def test_a_scale_puts_values_inside(values: list[float], zero: bool) -> None:
    low, high = around(values, zero=zero and min(values) >= 0)
    scale = Scale(low=low, high=high, start=40, end=900)
    assert low < high
    assert all(40 <= scale(value) <= 900 for value in values)


def test_labels_of_points_in_a_heap_do_not_cover_each_other() -> None:
    points = [(300 + 3 * i, 200 + 2 * (i % 3), f"label {i}") for i in range(8)]
    starts = labelled(points, [6] * 8, width=980, top=20, bottom=340)
    boxes = [
        (x, y - 7, x + CHARACTER * len(text), y + 7)
        for (x, y), (_, _, text) in zip(starts, points, strict=True)
    ]
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 370), st.floats(30, 300), st.text("abcdefgh ", min_size=1, max_size=40)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_labels_stay_inside_however_many(points: list[tuple[float, float, str]]) -> None:
    starts = labelled(points, [8] * len(points), width=372, top=24, bottom=310)
    for (x, _), (_, _, text) in zip(starts, points, strict=True):
        assert x >= 0 and x + CHARACTER * len(text) <= 372 + 1e-6


def marks(drawing: Drawing) -> list[tuple[float, float]]:
    """Every point that a mark reaches; of texts, about."""
    found = [point for line in drawing.lines for point in line.points]
    for box in drawing.boxes:
        assert box.width > 0 and box.height >= 0
        found += [(box.x, box.y), (box.x + box.width, box.y + box.height)]
    for dot in drawing.dots:
        found += [(dot.x - dot.radius, dot.y), (dot.x + dot.radius, dot.y)]
    for text in drawing.texts:
        wide = CHARACTER * len(text.text)
        start = text.x - {"start": 0, "middle": wide / 2, "end": wide}[text.anchor]
        found += [(start, text.y), (start + wide, text.y)]
    return found


def assert_inside(chart: Chart) -> None:
    assert chart.missing is None and chart.narrow is not None
    for drawing in (chart.wide, chart.narrow):
        if drawing is None:
            assert chart.small
            continue
        # The width of a character is an average: a word may need a little more.
        for x, y in marks(drawing):
            assert -12 <= x <= drawing.width + 12
            assert 0 <= y <= drawing.height + 1


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_scatter_stays_inside(count: int) -> None:
    spots = [
        Spot(x=i**2, y=90 + i, label=f"tflite int8-dynamic {i}", target="tflite", size_bytes=9**i)
        for i in range(count)
    ]
    assert_inside(plots.scatter(spots, x="x, ms", y="y, dB", note="", **WORDS))


@pytest.mark.parametrize("count", [1, 8])
def test_lines_and_their_legend_stay_inside(count: int) -> None:
    series = [
        Series(label=f"executorch int8 {i}", target="executorch", points=((0, i), (9, 2.0 * i)))
        for i in range(count)
    ]
    chart = plots.lines(series, x="second", y="ms", note="", **WORDS)
    assert_inside(chart)
    assert chart.wide is not None
    drawn = [line for line in chart.wide.lines if line.style.startswith("line") and line.title]
    assert len({line.dash for line in drawn}) == min(count, len(plots.DASHES))


@pytest.mark.parametrize("small", [True, False])
def test_bars_stay_inside_with_long_names_and_values_below_zero(small: bool) -> None:
    bars = [
        Bar(
            label="layers.0.blocks.1.mlp.fc2", low=-49.2, high=41, text="-49 to 41", style="tflite"
        ),
        Bar(label="", low=-1, high=50.6, text="-1 to 50.6, onnx int8", style="onnx"),
        Bar(label="head", low=0, high=0, text="0", style="other"),
    ]
    assert_inside(plots.bars(bars, unit="value", small=small, **WORDS))
