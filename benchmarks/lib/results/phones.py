"""phone_cycles.json: estimated cycles of files on cores of phones, by kind of operation."""

from benchmarks.lib.estimating import KindOfOperation
from benchmarks.lib.results.document import Result, Row
from benchmarks.lib.results.files import GraphForm
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, Decibels, Sha256, Text

SHOWN = 12  # kinds of operation in the table; the rest is added up


class PhoneRow(Row, frozen=True, kw_only=True):
    """A file on a core; `form` "deploy" is ours, tuned for that core."""

    model: Text
    form: GraphForm
    precision: Text
    core: Text
    sqnr_db: Decibels | None
    partitions: Count
    kinds: tuple[KindOfOperation, ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies a row."""
        return self.model, self.form, self.precision, self.core

    @property
    def compute(self) -> float:
        """Millions of cycles, all data in the first cache."""
        return sum(kind.compute for kind in self.kinds)

    @property
    def total(self) -> float:
        """Millions of cycles, with those of memory."""
        return self.compute + sum(kind.memory for kind in self.kinds)


class PhoneCycles(Result, frozen=True, kw_only=True):
    """The whole file."""

    forms_sha256: Sha256
    rows: tuple[PhoneRow, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of the tables of graph forms that the files were built with."""
        return (self.forms_sha256,)


def pairs(result: PhoneCycles) -> list[tuple[PhoneRow, PhoneRow]]:
    """Each of our rows with that of the published parent, which follows it."""
    found: list[tuple[PhoneRow, PhoneRow]] = []
    for ours in (row for row in result.rows if row.form == "deploy"):
        beside = [
            row
            for row in result.rows
            if row.form == "published"
            and (row.precision, row.core) == (ours.precision, ours.core)
            and ours.model.endswith(row.model)
        ]
        found += [(ours, parent) for parent in beside]
    return found


def table(result: PhoneCycles) -> str:
    """Ratios, and then the cycles of each kind of operation of our files and their parents."""
    return f"{_ratios(result)}\n{_kinds(result)}"


def _ratios(result: PhoneCycles) -> str:
    title = "Estimated cycles, millions, of our file over the published parent's:"
    head = ["ours", "parent", "precision", "core", "computing", "ratio", "with memory", "ratio"]
    lines = (
        [
            *(f"`{ours.model}`", f"`{parent.model}`", f"`{ours.precision}`", ours.core),
            f"{ours.compute:.0f} / {parent.compute:.0f}",
            f"{ours.compute / parent.compute:.3f}",
            f"{ours.total:.0f} / {parent.total:.0f}",
            f"{ours.total / parent.total:.3f}",
        ]
        for ours, parent in pairs(result)
    )
    return grid(title, head, 4, lines)


def _kinds(result: PhoneCycles) -> str:
    rows = [row for pair in pairs(result) if pair[0].core == "a76" for row in pair]
    cells = [
        {kind.name: f"{kind.compute:.1f} + {kind.memory:.1f}" for kind in r.kinds} for r in rows
    ]
    weights: dict[str, float] = {}
    for kind in (kind for r in rows for kind in r.kinds):
        weights[kind.name] = max(weights.get(kind.name, 0), kind.compute + kind.memory)
    names = sorted(weights, key=lambda name: -weights[name])[:SHOWN]
    head = ["operation", *(f"{r.model} {r.form} `{r.precision}`" for r in rows)]
    lines = ([name, *(cell.get(name, "") for cell in cells)] for name in names)
    return grid("By operation on an A76, computing + memory, millions of cycles:", head, 1, lines)
