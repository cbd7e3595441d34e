"""Charts of the artifacts: error by module, shares, operations."""

from collections.abc import Mapping, Sequence

from slide_mobile.parity.result import ModuleParity
from slide_mobile.report.bars import Bar, bars
from slide_mobile.report.chart import Chart, Table, Words, colour, none
from slide_mobile.report.entries import Entry
from slide_mobile.report.lines import Series, lines

MOST_OPS = 10
WORST = 5  # modules of an artifact that the table names


def by_module(entries: Sequence[Entry]) -> Chart:
    """The error so far, module by module in the order of execution."""
    key, title = "modules", "Error by module"
    shown = [
        (entry, entry.check.modules) for entry in entries if entry.check and entry.check.modules
    ]
    if not shown:
        return none(
            key, title, "not compared; to compare: slide-mobile report ARTIFACT... --modules"
        )
    series = [
        Series(
            label=entry.name,
            target=entry.artifact.manifest.target,
            points=tuple((row.order + 1, row.sqnr_db) for row in sorted(modules, key=_order)),
        )
        for entry, modules in shown
    ]
    last = "; ".join(f"{s.label} ends at {s.points[-1][1]:.1f} dB" for s in series)
    words = Words(
        key=key,
        title=title,
        alt=f"SQNR of each convolution's and linear's output against PyTorch's: {last}.",
        note="Each convolution and linear in the file is compared with the same module in PyTorch. "
        "A line falls where error enters. The table lists the "
        f"{WORST} modules of each artifact that add the most error.",
        table=Table(
            head=("artifact", "module", "own SQNR, dB", "cumulative SQNR, dB"),
            rows=tuple(
                (entry.name, row.module, row.own_db, row.sqnr_db)
                for entry, modules in shown
                for row in modules[:WORST]
            ),
        ),
    )
    return lines(series, words, x="module, in execution order", y="cumulative SQNR, dB")


def _order(row: ModuleParity) -> int:
    """Position of a module in the order of execution."""
    return row.order


def shares(entries: Sequence[Entry]) -> list[Chart]:
    """The share of multiply-adds in int8, and of operations inside delegates."""
    return [_int8(entries), _delegated(entries)] if entries else []


def _int8(entries: Sequence[Entry]) -> Chart:
    """The share of multiply-adds whose kernel computes in int8."""
    found = [(entry, entry.artifact.manifest.graph.int8_mac_fraction) for entry in entries]
    words = Words(
        key="int8",
        title="Multiply-adds in int8",
        alt="Share of the multiply-adds whose kernel computes in int8: "
        + ", ".join(f"{entry.name} {share:.0%}" for entry, share in found)
        + ".",
        table=Table(
            head=("artifact", "int8 share of multiply-adds"),
            rows=tuple((entry.name, f"{share:.1%}") for entry, share in found),
        ),
    )
    shown = [_share(entry, share, f"{share:.1%}") for entry, share in found]
    return bars(shown, words, unit="share of all multiply-adds", high=1.0, small=True)


def _delegated(entries: Sequence[Entry]) -> Chart:
    """The share of operations that run inside a delegate."""
    key, title = "delegated", "Operations inside delegates"
    graphs = [(entry, entry.artifact.manifest.graph) for entry in entries]
    found = [(entry, graph) for entry, graph in graphs if graph.partitions]
    if not found:
        why = "none of these artifacts has a delegate (Core ML and ONNX Runtime's CPU have none)"
        return none(key, title, why)
    words = Words(
        key=key,
        title=title,
        alt="Operations that run inside a delegate: "
        + ", ".join(f"{entry.name} {g.delegated_ops} of {g.total_ops}" for entry, g in found)
        + ".",
        table=Table(
            head=("artifact", "partitions", "inside", "all"),
            rows=tuple((e.name, g.partitions, g.delegated_ops, g.total_ops) for e, g in found),
        ),
    )
    shown = [
        _share(entry, g.delegated_ops / g.total_ops, f"{g.delegated_ops} / {g.total_ops}")
        for entry, g in found
    ]
    return bars(shown, words, unit="share of all operations", high=1.0, small=True)


def _share(entry: Entry, share: float, text: str) -> Bar:
    """A bar for a share in 0..1."""
    style = colour(entry.artifact.manifest.target)
    return Bar(label=entry.name, low=0, high=share, text=text, style=style)


def census(entries: Sequence[Entry]) -> list[Chart]:
    """How many of each operation the files hold: one chart per target, whose names are its own."""
    targets = dict.fromkeys(entry.artifact.manifest.target for entry in entries)
    counts = {
        target: {
            entry.name: entry.artifact.manifest.graph.ops
            for entry in entries
            if entry.artifact.manifest.target == target
        }
        for target in targets
    }
    return [_census(target, files) for target, files in counts.items() if any(files.values())]


def _census(target: str, files: Mapping[str, Mapping[str, int]]) -> Chart:
    """The most frequent operations of one target's files, by the file that has most of each."""
    ops = sorted({op for counts in files.values() for op in counts})
    most = {op: max(counts.get(op, 0) for counts in files.values()) for op in ops}
    top = sorted(ops, key=lambda op: -most[op])[:MOST_OPS]
    several = "; each bar shows the file with the most of them" if len(files) > 1 else ""
    words = Words(
        key=f"ops-{target}",
        title=f"Operations in {target} files",
        alt=f"The most frequent operations in {target} files: "
        + ", ".join(f"{op} {most[op]}" for op in top)
        + ".",
        note=f"The {len(top)} most frequent of {len(ops)} operation types{several}.",
        table=Table(
            head=("operation", *files),
            rows=tuple((op, *(counts.get(op) for counts in files.values())) for op in ops),
        ),
    )
    shown = [
        Bar(label=op, low=0, high=most[op], text=str(most[op]), style=colour(target)) for op in top
    ]
    return bars(shown, words, unit="operations in the file", small=True)
