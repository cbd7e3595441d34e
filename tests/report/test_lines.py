"""Line charts: marks and legend stay inside, lines of one colour differ."""

import pytest
from inside import WORDS, assert_inside

from slide_mobile.report.lines import DASHES, Series, lines


@pytest.mark.parametrize("count", [1, 8])
def test_lines_and_their_legend_stay_inside(count: int) -> None:
    series = [
        Series(label=f"executorch int8 {i}", target="executorch", points=((0, i), (9, 2.0 * i)))
        for i in range(count)
    ]
    chart = lines(series, WORDS, x="second", y="ms")
    assert_inside(chart)
    assert chart.wide is not None
    drawn = [line for line in chart.wide.lines if line.style.startswith("line") and line.title]
    assert len({line.dash for line in drawn}) == min(count, len(DASHES))
