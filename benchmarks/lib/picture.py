"""The picture in README.md: latency of Slide-Swin-T and Swin-T on LiteRT, drawn from whole.json."""

from benchmarks.lib import svg
from benchmarks.lib.gates import OURS, SWIN
from benchmarks.lib.results.files import GraphForm
from benchmarks.lib.results.whole import Whole
from slide_mobile.report.axes import Scale
from slide_mobile.report.drawing import Box, Drawing, Text

FILE = "docs/images/latency.svg"
WIDTH, LEFT, RIGHT = 800.0, 290.0, 84.0  # pixels; bars lie between LEFT and WIDTH - RIGHT
TOP, BAR, PITCH, GAP = 78.0, 20.0, 26.0, 18.0  # pixels; GAP is between the precisions

PRECISIONS = ("fp32", "int8")
# Name, model, form and role of each bar.
BARS: tuple[tuple[str, str, GraphForm, str], ...] = (
    ("Slide-Swin-T, as published", OURS, "published", "slow"),
    ("Swin-T, as published", SWIN, "published", "parent"),
    ("Slide-Swin-T, slide-mobile", OURS, "deploy", "ours"),
)
TITLE = "Time per image on LiteRT with XNNPACK, one CPU thread"
UNIT = "milliseconds at 224 x 224 pixels; lower is better"


def latency(result: Whole) -> str:
    """The SVG; raises KeyError if a bar was not measured on one thread, or is invalid."""
    drawing = _drawing(result)
    return svg.page(drawing, _words(_milliseconds(result)), kind="latency")


Milliseconds = dict[tuple[str, str, str], float]  # by model, form and precision


def _milliseconds(result: Whole) -> Milliseconds:
    """Medians of valid runs on LiteRT with one thread."""
    return {
        (row.model, row.form, row.precision): row.p50_ms
        for row in result.rows
        if (row.target, row.threads) == ("tflite", 1) and row.valid
    }


def _drawing(result: Whole) -> Drawing:
    """Title, bars by precision, axis name and source."""
    measured = _milliseconds(result)
    longest = max(measured[model, form, p] for p in PRECISIONS for _, model, form, _ in BARS)
    across = Scale(low=0, high=longest, start=LEFT, end=WIDTH - RIGHT)
    bars: list[Box] = []
    texts = [Text(x=20, y=34, text=TITLE, style="title"), Text(x=20, y=56, text=UNIT, style="soft")]
    y = TOP
    for precision in PRECISIONS:
        texts.append(Text(x=20, y=y + 15, text=precision, style="soft"))
        for name, model, form, role in BARS:
            ms = measured[model, form, precision]
            bars.append(_bar(across, y, ms, role, f"{name}, {precision}: {ms:.0f} ms"))
            texts += _labels(bars[-1], name, f"{ms:.0f} ms", role)
            y += PITCH
        y += GAP
    bottom = y - GAP - (PITCH - BAR)
    texts += [Text(x=20, y=bottom + 28, text=_source(result), style="small")]
    back = Box(x=0.5, y=0.5, width=WIDTH - 1, height=bottom + 43, style="back", title=TITLE)
    axis = Box(x=LEFT - 1, y=TOP - 6, width=1, height=bottom - TOP + 12, style="axis")
    return Drawing(width=WIDTH, height=bottom + 44, boxes=(back, *bars, axis), texts=texts)


def _bar(across: Scale, y: float, ms: float, role: str, title: str) -> Box:
    return Box(x=LEFT, y=y, width=across(ms) - LEFT, height=BAR, style=role, title=title)


def _labels(bar: Box, name: str, value: str, role: str) -> tuple[Text, Text]:
    """The name left of a bar, the latency right of it; ours in bold."""
    style = "strong" if role == "ours" else ""
    y = bar.y + 15
    return (
        Text(x=bar.x - 10, y=y, text=name, anchor="end", style=style),
        Text(x=bar.x + bar.width + 8, y=y, text=value, style=style),
    )


def _source(result: Whole) -> str:
    """Where the numbers come from, in one line."""
    where = result.environment
    return (
        f"Medians of {where.runs} interleaved runs, random weights, {where.cpu} {where.amx}. "
        "Source: benchmarks/results/whole.json"
    )


def _words(measured: Milliseconds) -> str:
    """The picture for readers who cannot see it."""
    values = [
        f"{name}, {precision}: {measured[model, form, precision]:.0f} ms"
        for precision in PRECISIONS
        for name, model, form, _ in BARS
    ]
    return f"{TITLE}. {'; '.join(values)}."
