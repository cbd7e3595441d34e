"""The charts of a report, made from what was gathered and measured."""

from collections.abc import Sequence

from slide_mobile import recipes
from slide_mobile.report.contents import Contents, Entry
from slide_mobile.report.drawing import Anchor, Box, Drawing, Line, Text, frame
from slide_mobile.report.measured import Measurement
from slide_mobile.report.plots import (
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
MOST_BARS = 16
MOST_OPS = 10


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


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g} ms"


def by_module(entries: Sequence[Entry]) -> Chart:
    """The error so far, module by module in the order of execution."""
    key, title = "modules", "Error module by module"
    shown = [entry for entry in entries if entry.modules]
    if not shown:
        return none(key, title, "not compared: slide-mobile report ARTIFACT... --modules")
    series = [
        Series(
            label=entry.name,
            target=entry.artifact.manifest.target,
            points=tuple(
                (row.order + 1, row.sqnr_db) for row in sorted(entry.modules, key=lambda r: r.order)
            ),
        )
        for entry in shown
    ]
    worst = [(entry, row) for entry in shown for row in entry.modules[:5]]
    last = "; ".join(f"{s.label} ends at {s.points[-1][1]:.1f} dB" for s in series)
    return lines(
        series,
        key=key,
        title=title,
        alt=f"SQNR of the output of each convolution and linear against PyTorch's: {last}.",
        x="module, in the order of execution",
        y="SQNR so far, dB",
        note="Each convolution and linear of the file beside the same module in PyTorch. A line "
        "falls where error enters. The table names the five modules of each artifact in which most "
        "of it enters.",
        table=Table(
            head=("artifact", "module", "enters here, dB", "so far, dB"),
            rows=tuple((e.name, r.module, r.own_db, r.sqnr_db) for e, r in worst),
        ),
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


def shares(contents: Contents) -> list[Chart]:
    """Int8 coverage, and operations inside of delegates."""
    entries = contents.entries
    if not entries:
        return []
    int8 = [(e, e.artifact.manifest.graph.int8_mac_fraction) for e in entries]
    inside = [
        (e, e.artifact.manifest.graph) for e in entries if e.artifact.manifest.graph.partitions
    ]
    made = [
        bars(
            [
                Bar(
                    label=e.name,
                    low=0,
                    high=share,
                    text=f"{share:.1%}",
                    style=colour(e.artifact.manifest.target),
                )
                for e, share in int8
            ],
            key="int8",
            title="Multiply-adds in int8",
            alt="Share of the multiply-adds whose kernel computes in int8: "
            + ", ".join(f"{e.name} {share:.0%}" for e, share in int8)
            + ".",
            table=Table(
                head=("artifact", "int8 share of multiply-adds"),
                rows=tuple((e.name, f"{share:.1%}") for e, share in int8),
            ),
            unit="share of all multiply-adds",
            high=1.0,
            small=True,
        )
    ]
    if not inside:
        why = (
            "no artifact of these has a delegate: ONNX Runtime's CPU and Core ML packages have none"
        )
        return [*made, none("delegated", "Operations inside delegates", why)]
    made.append(
        bars(
            [
                Bar(
                    label=e.name,
                    low=0,
                    high=g.delegated_ops / g.total_ops,
                    text=f"{g.delegated_ops} / {g.total_ops}",
                    style=colour(e.artifact.manifest.target),
                )
                for e, g in inside
            ],
            key="delegated",
            title="Operations inside delegates",
            alt="Share of the operations that run inside a delegate: "
            + ", ".join(f"{e.name} {g.delegated_ops} of {g.total_ops}" for e, g in inside)
            + ".",
            table=Table(
                head=("artifact", "partitions", "inside", "all"),
                rows=tuple((e.name, g.partitions, g.delegated_ops, g.total_ops) for e, g in inside),
            ),
            unit="share of all operations",
            high=1.0,
            small=True,
        )
    )
    return made


def ranges(entries: Sequence[Entry]) -> Chart:
    """What the int8 outputs of modules can hold, as calibration left them."""
    key, title = "ranges", "Calibrated ranges"
    shown = [entry for entry in entries if entry.ranges]
    if not shown:
        dynamic = any(
            recipes.lookup(e.artifact.manifest.precision).activations == "int8-dynamic"
            for e in entries
        )
        why = "no artifact of these has ranges in it: only static int8 has"
        return none(
            key, title, why + (" (int8-dynamic measures them as it runs)" if dynamic else "")
        )
    names: dict[str, str] = {}
    for entry in shown:
        for module, _, _ in entry.ranges:
            names[_bare(module)] = max(names.get(_bare(module), ""), module, key=len)
    table = {e.name: {_bare(m): (low, high) for m, low, high in e.ranges} for e in shown}
    spans = {
        bare: max(
            high - low for rows in table.values() for low, high in [rows.get(bare, (0.0, 0.0))]
        )
        for bare in names
    }
    widest = sorted(spans, key=lambda bare: -spans[bare])[: max(4, MOST_BARS // len(shown))]
    given = [
        Bar(
            label=names[bare] if first else "",
            low=table[entry.name][bare][0],
            high=table[entry.name][bare][1],
            text=_span(table[entry.name][bare], of=entry.name if len(shown) > 1 else ""),
            style=colour(entry.artifact.manifest.target),
        )
        for bare in widest
        for first, entry in _first([entry for entry in shown if bare in table[entry.name]])
    ]
    order = list(names)
    return bars(
        given,
        key=key,
        title=title,
        alt=f"The widest of the ranges that the int8 outputs of {len(names)} modules can hold; "
        f"the widest is {names[widest[0]]}.",
        table=Table(
            head=("module", *(f"{e.name}: {end}" for e in shown for end in ("lowest", "highest"))),
            rows=tuple(
                (
                    names[bare],
                    *(_rounded(table[e.name].get(bare), i) for e in shown for i in (0, 1)),
                )
                for bare in order
            ),
        ),
        unit="value of the module's output",
        note=f"The {len(widest)} widest of {len(names)}; the table has all. A range much wider "
        "than its neighbours' spends the 256 steps on a few outliers.",
    )


def _first(entries: Sequence[Entry]) -> list[tuple[bool, Entry]]:
    return [(i == 0, entry) for i, entry in enumerate(entries)]


def _span(ends: tuple[float, float], *, of: str) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}" + (f", {of}" if of else "")


def _rounded(span: tuple[float, float] | None, end: int) -> float | None:
    return None if span is None else float(f"{span[end]:.4g}")


def _bare(module: str) -> str:
    """A module's path as every file names it: litert-torch leaves out containers of numbers."""
    parts = module.split(".")
    pairs = zip(parts, [*parts[1:], ""], strict=True)
    return ".".join(part for part, following in pairs if part.isdigit() or not following.isdigit())


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


def census(entries: Sequence[Entry]) -> list[Chart]:
    """How many of each operation the files hold, a chart a target: each has names of its own."""
    made = []
    for target in dict.fromkeys(entry.artifact.manifest.target for entry in entries):
        of_target = [entry for entry in entries if entry.artifact.manifest.target == target]
        counts = {entry.name: entry.artifact.manifest.graph.ops for entry in of_target}
        ops = sorted({op for ops in counts.values() for op in ops})
        most = {op: max(c.get(op, 0) for c in counts.values()) for op in ops}
        top = sorted(ops, key=lambda op: -most[op])[:MOST_OPS]
        if not top:
            continue
        made.append(
            bars(
                [
                    Bar(label=op, low=0, high=most[op], text=str(most[op]), style=colour(target))
                    for op in top
                ],
                key=f"ops-{target}",
                title=f"Operations of {target}",
                alt=f"The most frequent operations of {target}: "
                + ", ".join(f"{op} {most[op]}" for op in top)
                + ".",
                table=Table(
                    head=("operation", *counts),
                    rows=tuple((op, *(c.get(op) for c in counts.values())) for op in ops),
                ),
                unit="operations in the file",
                note=f"The {len(top)} most frequent of {len(ops)} kinds; of several files, in the "
                "one that has most."
                if len(of_target) > 1
                else f"The {len(top)} most frequent of {len(ops)} kinds.",
                small=True,
            )
        )
    return made
