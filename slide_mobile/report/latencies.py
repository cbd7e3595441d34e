"""The charts of measurements: how latencies spread, how they last, and where the time goes."""

from collections.abc import Sequence

from slide_mobile.report.drawing import Anchor, Box, Drawing, Line, Text, frame
from slide_mobile.report.measured import Measurement
from slide_mobile.report.plots import (
    MOST_BARS,
    Bar,
    Chart,
    Series,
    Table,
    bars,
    colour,
    drawn,
    lines,
    none,
)

BINS = 24


def histogram(result: Measurement, *, key: str, target: str) -> Chart:
    """How often each latency was measured, with the median and the 90th percentile marked."""
    samples = sorted(result.facts["samples_ms"])
    p50, p90 = result.facts["p50_ms"], result.facts["p90_ms"]
    # The slowest one in a hundred would flatten the rest: they are counted in the last bin.
    edge = max(samples[int(0.99 * (len(samples) - 1))], p90 or 0.0)
    low = samples[0]
    high = edge + ((edge - low) * 0.05 or max(edge, 1e-6) * 0.05)
    counts = [0] * BINS
    for sample in samples:
        counts[min(BINS - 1, int(BINS * (sample - low) / (high - low)))] += 1
    step = (high - low) / BINS
    named: tuple[tuple[str, float | None, Anchor], ...] = (
        ("p50", p50, "end"),
        ("p90", p90, "start"),
    )

    def draw(width: float) -> Drawing:
        made = frame(
            width,
            210,
            x=(low, high),
            y=(0, max(counts) * 1.1),
            x_label="ms",
            y_label="runs",
            left=36,
            whole=True,
        )
        marks, texts = [], []
        for name, value, anchor in named:
            if value is not None:
                x = made.x(value)
                marks.append(Line(points=((x, 18), (x, made.y.start)), style="mark"))
                aside = -4 if anchor == "end" else 4
                texts.append(Text(x=x + aside, y=26, text=name, anchor=anchor, style="label"))
        return Drawing(
            width=width,
            height=made.height,
            lines=(*made.lines, *marks),
            boxes=[
                Box(
                    x=made.x(low + i * step) + 0.5,
                    y=made.y(count),
                    width=max(made.x(low + (i + 1) * step) - made.x(low + i * step) - 1, 0.5),
                    height=made.y.start - made.y(count),
                    style=f"fill {colour(target)}",
                    title=f"{low + i * step:.3g} to {low + (i + 1) * step:.3g} ms: {count}",
                )
                for i, count in enumerate(counts)
                if count
            ],
            texts=(*made.texts, *texts),
        )

    verdict = "" if result.valid else f"invalid: {'; '.join(result.facts['why_invalid'])}"
    return drawn(
        draw,
        key=key,
        title=result.name,
        alt=f"Histogram of {len(samples)} latencies of {result.name}: median {_ms(p50)}, "
        f"90th percentile {_ms(p90)}.",
        table=Table(
            head=("from, ms", "to, ms", "runs"),
            rows=tuple(
                (round(low + i * step, 4), round(low + (i + 1) * step, 4), count)
                for i, count in enumerate(counts)
                if count
            ),
        ),
        note=verdict,
        small=True,
    )


def sustained(measurements: Sequence[Measurement]) -> Chart:
    """The median of every second of a minute."""
    key, title = "sustained", "Sustained speed"
    shown = [m for m in measurements if m.facts["sustained"]]
    if not shown:
        why = "not measured: the apps' sustained run (60 s) writes it, --bench FILE.json takes it"
        return none(key, title, why)
    series = [
        Series(
            label=m.name,
            target=m.facts["target"],
            points=tuple((row["second"], row["p50_ms"]) for row in m.facts["sustained"]),
        )
        for m in shown
    ]
    return lines(
        series,
        key=key,
        title=title,
        alt="Median latency of every second: "
        + "; ".join(
            f"{s.label} from {s.points[0][1]:.3g} to {s.points[-1][1]:.3g} ms" for s in series
        )
        + ".",
        x="second",
        y="median, ms",
        note="A line that rises is a device that gets warm.",
        table=Table(
            head=("result", "first second, ms", "last second, ms", "slowest, ms", "seconds"),
            rows=tuple(
                (
                    s.label,
                    round(s.points[0][1], 3),
                    round(s.points[-1][1], 3),
                    round(max(p[1] for p in s.points), 3),
                    len(s.points),
                )
                for s in series
            ),
        ),
        zero=True,
    )


def module_times(measurements: Sequence[Measurement]) -> list[Chart]:
    """The modules in which the time of a profiled result goes."""
    found = []
    for i, result in enumerate(measurements):
        operations = result.facts.get("operations")
        if not operations:
            continue
        times: dict[str, float] = {}
        for operation in operations:
            name = operation["module"] or f"({operation['name']})"
            times[name] = times.get(name, 0.0) + operation["microseconds"]
        whole = sum(times.values()) or 1.0
        top = sorted(times.items(), key=lambda item: -item[1])[:MOST_BARS]
        found.append(
            bars(
                [
                    Bar(
                        label=name,
                        low=0,
                        high=us,
                        text=f"{us:.0f} us, {us / whole:.1%}",
                        style=colour(result.facts["target"]),
                    )
                    for name, us in top
                ],
                key=f"times-{i}",
                title=f"Where the time goes: {result.name}",
                alt=f"The {len(top)} slowest modules of {result.name}; first {top[0][0]} with "
                f"{top[0][1] / whole:.1%} of the time.",
                table=Table(
                    head=("module", "microseconds", "share"),
                    rows=tuple((name, round(us, 1), f"{us / whole:.1%}") for name, us in top),
                ),
                unit="microseconds of one inference",
            )
        )
    return found


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g} ms"
