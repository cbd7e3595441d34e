"""Scatter charts: labels that do not cover each other, marks that stay inside."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import WORDS, assert_inside

from slide_mobile.report.chart import NARROW
from slide_mobile.report.drawing import CHARACTER
from slide_mobile.report.scatter import Spot, all_clear, labelled, scatter


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


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_scatter_stays_inside(count: int) -> None:
    spots = [
        Spot(x=i**2, y=90 + i, label=f"tflite int8-dynamic {i}", target="tflite", size_bytes=9**i)
        for i in range(count)
    ]
    assert_inside(scatter(spots, WORDS, x="x, ms", y="y, dB"))


def named(width: float, spots: list[Spot]) -> list[str]:
    """The texts of a scatter's points."""
    chart = scatter(spots, WORDS, x="x, ms", y="y, dB")
    drawing = chart.narrow if width == NARROW else chart.wide
    assert drawing is not None
    return [text.text for text in drawing.texts if text.style == "label"]


def test_names_that_do_not_fit_beside_their_points_stand_below_with_numbers() -> None:
    spots = [
        Spot(x=10 + i, y=30 + i % 2, label=f"executorch int8-dynamic {i}", target="x", size_bytes=9)
        for i in range(9)
    ]
    texts = named(NARROW, spots)
    assert texts[:9] == [str(i) for i in range(1, 10)]
    assert texts[9:] == [f"{i}  {spot.label}" for i, spot in enumerate(spots, 1)]
    apart = [spots[0], dataclasses.replace(spots[1], x=90, y=90)]
    assert named(NARROW, apart) == [spot.label for spot in apart]


def test_a_label_is_nearest_to_its_own_dot() -> None:
    points = [(100.0, 100.0, "one"), (140.0, 100.0, "two"), (100.0, 130.0, "three")]
    starts = labelled(points, [6] * 3, width=372, top=20, bottom=300)
    assert all_clear(points, [6] * 3, starts)
    assert not all_clear(points, [6] * 3, [(120.0, 100.0), *starts[1:]])
