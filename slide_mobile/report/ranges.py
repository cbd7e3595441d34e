"""The chart of calibrated ranges: what the int8 outputs of modules can hold."""

from collections.abc import Mapping, Sequence

from slide_mobile import recipes
from slide_mobile.report.bars import MOST_BARS, Bar, bars
from slide_mobile.report.chart import Chart, Table, Words, colour, none
from slide_mobile.report.entries import Entry, Range


def chart(entries: Sequence[Entry]) -> Chart:
    """What the int8 outputs of modules can hold, as calibration left them."""
    key, title = "ranges", "Calibrated ranges"
    shown = [entry for entry in entries if entry.ranges]
    if not shown:
        return none(key, title, _why_no_ranges(entries))
    names = _full_names(shown)
    found = {entry.name: {_bare(r.module): r for r in entry.ranges} for entry in shown}
    spans = {
        bare: max(r.high - r.low for known in found.values() if (r := known.get(bare)))
        for bare in names
    }
    widest = sorted(spans, key=lambda bare: -spans[bare])[: max(4, MOST_BARS // len(shown))]
    words = Words(
        key=key,
        title=title,
        alt=f"Ranges of the int8 outputs of {len(widest)} modules, the widest of {len(names)}; "
        f"the widest of all is {names[widest[0]]}.",
        note=f"The {len(widest)} widest of {len(names)} ranges; the table has all. A range much "
        "wider than its neighbors wastes most of the 256 steps of int8 on a few outliers.",
        table=_range_table(shown, names, found),
    )
    given = [bar for bare in widest for bar in _range_bars(shown, names[bare], bare, found)]
    return bars(given, words, unit="value of the module's output")


def _why_no_ranges(entries: Sequence[Entry]) -> str:
    """Why there are no ranges to show."""
    kinds = {recipes.lookup(e.artifact.manifest.precision).activations for e in entries}
    why = "none of these artifacts has ranges: only static int8 has them"
    return why + (" (int8-dynamic measures them as it runs)" if "int8-dynamic" in kinds else "")


def _full_names(entries: Sequence[Entry]) -> dict[str, str]:
    """The longest of a module's names, by its bare name, in the order of the files."""
    names: dict[str, str] = {}
    for entry in entries:
        for found in entry.ranges:
            bare = _bare(found.module)
            names[bare] = max(names.get(bare, ""), found.module, key=len)
    return names


def _range_bars(
    entries: Sequence[Entry], name: str, bare: str, found: Mapping[str, Mapping[str, Range]]
) -> list[Bar]:
    """A module's range in each artifact; the first bar has the module's name."""
    several = len(entries) > 1
    having = [(entry, found[entry.name][bare]) for entry in entries if bare in found[entry.name]]
    return [
        Bar(
            label=name if i == 0 else "",
            low=known.low,
            high=known.high,
            text=f"{known.low:.3g} to {known.high:.3g}" + (f", {entry.name}" if several else ""),
            style=colour(entry.artifact.manifest.target),
        )
        for i, (entry, known) in enumerate(having)
    ]


def _range_table(
    entries: Sequence[Entry], names: Mapping[str, str], found: Mapping[str, Mapping[str, Range]]
) -> Table:
    """Both ends of every range, by module and artifact."""

    def ends(known: Range | None) -> tuple[float | None, float | None]:
        """Both ends of a range."""
        return (None, None) if known is None else (_rounded(known.low), _rounded(known.high))

    return Table(
        head=("module", *(f"{e.name}: {end}" for e in entries for end in ("lowest", "highest"))),
        rows=tuple(
            (name, *(end for e in entries for end in ends(found[e.name].get(bare))))
            for bare, name in names.items()
        ),
    )


def _rounded(value: float) -> float:
    """A value to four digits."""
    return float(f"{value:.4g}")


def _bare(module: str) -> str:
    """A module's path without the containers that litert-torch leaves out of its names."""
    parts = module.split(".")
    pairs = zip(parts, [*parts[1:], ""], strict=True)
    return ".".join(part for part, following in pairs if part.isdigit() or not following.isdigit())
