"""Charts of measurements: how latencies spread, whether they last, and where the time goes."""

from collections.abc import Sequence

from slide_mobile.bench.result import Operation
from slide_mobile.report.axes import Frame, frame
from slide_mobile.report.bars import MOST_BARS, Bar, bars
from slide_mobile.report.chart import Chart, Table, Words, colour, drawn, none
from slide_mobile.report.drawing import Box, Drawing, Line, Text
from slide_mobile.report.lines import Series, lines
from slide_mobile.report.measured import Measurement

BINS = 24


def histogram(measurement: Measurement, *, key: str) -> Chart:
    """How often each latency was measured, with the median and the 90th percentile marked."""
    result = measurement.result
    low, step, counts = _binned(result.samples_ms, result.p90_ms)

    def draw(width: float) -> Drawing:
        """The histogram, in a width in pixels."""
        axes = frame(
            width,
            210,
            x=(low, low + BINS * step),
            y=(0, max(counts) * 1.1),
            x_label="ms",
            y_label="runs",
            left=36,
            whole=True,
        )
        marks = [
            *_mark(axes, "p50", result.p50_ms, left=True),
            *_mark(axes, "p90", result.p90_ms, left=False),
        ]
        return Drawing(
            width=width,
            height=axes.height,
            lines=(*axes.lines, *(line for line, _ in marks)),
            boxes=_boxes(axes, low, step, counts, f"fill {colour(result.target)}"),
            texts=(*axes.texts, *(text for _, text in marks)),
        )

    return drawn(draw, _histogram_words(measurement, key, low, step, counts), small=True)


def _histogram_words(
    measurement: Measurement, key: str, low: float, step: float, counts: Sequence[int]
) -> Words:
    """Title, description and table of a histogram."""
    result = measurement.result
    return Words(
        key=key,
        title=measurement.name,
        alt=f"Histogram of {len(result.samples_ms)} latencies of {measurement.name}: median "
        f"{_ms(result.p50_ms)}, 90th percentile {_ms(result.p90_ms)}.",
        table=Table(
            head=("from, ms", "to, ms", "runs"),
            rows=tuple(
                (round(low + i * step, 4), round(low + (i + 1) * step, 4), count)
                for i, count in enumerate(counts)
                if count
            ),
        ),
        note="" if measurement.valid else f"invalid: {measurement.reason}",
    )


def _binned(samples_ms: Sequence[float], p90_ms: float | None) -> tuple[float, float, list[int]]:
    """(low, step, counts) of BINS bins; the slowest 1 % are all in the last one."""
    samples = sorted(samples_ms)
    low = samples[0]
    edge = max(samples[int(0.99 * (len(samples) - 1))], p90_ms or 0.0)
    high = edge + ((edge - low) * 0.05 or max(edge, 1e-6) * 0.05)
    counts = [0] * BINS
    for sample in samples:
        counts[min(BINS - 1, int(BINS * (sample - low) / (high - low)))] += 1
    return low, (high - low) / BINS, counts


def _mark(axes: Frame, name: str, value: float | None, *, left: bool) -> list[tuple[Line, Text]]:
    """A vertical line at a value, with its name beside it."""
    if value is None:
        return []
    x = axes.x(value)
    line = Line(points=((x, 18), (x, axes.y.start)), style="mark")
    if left:
        return [(line, Text(x=x - 4, y=26, text=name, anchor="end", style="label"))]
    return [(line, Text(x=x + 4, y=26, text=name, style="label"))]


def _boxes(axes: Frame, low: float, step: float, counts: Sequence[int], style: str) -> list[Box]:
    """One bar for each bin that is not empty."""
    ends = [low + i * step for i in range(len(counts) + 1)]
    return [
        Box(
            x=axes.x(start) + 0.5,
            y=axes.y(count),
            width=max(axes.x(end) - axes.x(start) - 1, 0.5),
            height=axes.y.start - axes.y(count),
            style=style,
            title=f"{start:.3g} to {end:.3g} ms: {count}",
        )
        for start, end, count in zip(ends, ends[1:], counts, strict=False)
        if count
    ]


def sustained(measurements: Sequence[Measurement]) -> Chart:
    """The median latency of every second of a minute."""
    key, title = "sustained", "Sustained speed"
    series = [
        Series(
            label=m.name,
            target=m.result.target,
            points=tuple((point.second, point.p50_ms) for point in m.result.sustained),
        )
        for m in measurements
        if m.result.sustained
    ]
    if not series:
        why = "not measured; an app's sustained run (60 s) measures it: pass its file to --bench"
        return none(key, title, why)
    ends = "; ".join(
        f"{s.label} from {s.points[0][1]:.3g} to {s.points[-1][1]:.3g} ms" for s in series
    )
    words = Words(
        key=key,
        title=title,
        alt=f"Median latency in each second: {ends}.",
        note="A rising line means that the device slows down as it gets warm.",
        table=Table(
            head=("result", "first second, ms", "last second, ms", "slowest, ms", "seconds"),
            rows=tuple(
                (
                    s.label,
                    round(s.points[0][1], 3),
                    round(s.points[-1][1], 3),
                    round(max(y for _, y in s.points), 3),
                    len(s.points),
                )
                for s in series
            ),
        ),
    )
    return lines(series, words, x="second", y="median, ms", zero=True)


def module_times(measurements: Sequence[Measurement]) -> list[Chart]:
    """For each profiled result, the modules that take the most time."""
    return [
        _module_times(m, m.result.operations, key=f"times-{i}")
        for i, m in enumerate(measurements)
        if m.result.operations
    ]


def no_times(measurements: Sequence[Measurement]) -> str:
    """Why there is no profile: the reasons of those that were asked for one, or how to ask."""
    whys = [
        (m.name, m.result.why_no_operations) for m in measurements if m.result.why_no_operations
    ]
    if whys:
        return "; ".join(f"{name}: {why}" for name, why in whys)
    return "not measured; to measure: slide-mobile bench ARTIFACT... --profile --json > bench.json"


def _module_times(measurement: Measurement, operations: Sequence[Operation], *, key: str) -> Chart:
    """The modules of one result that take the most time."""
    times: dict[str, float] = {}
    for operation in operations:
        name = operation.module or f"({operation.name})"
        times[name] = times.get(name, 0.0) + operation.microseconds
    whole = sum(times.values()) or 1.0
    top = sorted(times.items(), key=lambda item: -item[1])[:MOST_BARS]
    style = colour(measurement.result.target)
    words = Words(
        key=key,
        title=f"Where the time goes: {measurement.name}",
        alt=f"The {len(top)} slowest modules of {measurement.name}; the slowest, "
        f"{top[0][0]}, takes {top[0][1] / whole:.1%} of the time.",
        table=Table(
            head=("module", "microseconds", "share"),
            rows=tuple((name, round(us, 1), f"{us / whole:.1%}") for name, us in top),
        ),
        note="" if measurement.valid else f"invalid: {measurement.reason}",
    )
    shown = [
        Bar(label=name, low=0, high=us, text=f"{us:.0f} us, {us / whole:.1%}", style=style)
        for name, us in top
    ]
    return bars(shown, words, unit="microseconds per inference")


def _ms(value: float | None) -> str:
    """A latency in words."""
    return "unknown" if value is None else f"{value:.3g} ms"
