"""Whether every mark of a chart stays inside its drawing."""

from slide_mobile.report.chart import Chart, Table, Words
from slide_mobile.report.drawing import CHARACTER, Drawing

WORDS = Words(key="k", title="t", alt="in words", table=Table(head=("a",), rows=((1,),)))


def marks(drawing: Drawing) -> list[tuple[float, float]]:
    """Every point that a mark reaches; for texts, about."""
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
