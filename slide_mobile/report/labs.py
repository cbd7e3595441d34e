"""What labs found about the artifacts of a report: a column for each lab and arithmetic."""

from collections.abc import Sequence

from slide_mobile.lab.verdict import Verdict
from slide_mobile.report.chart import Table
from slide_mobile.report.entries import Entry


def table(entries: Sequence[Entry]) -> Table | None:
    """The artifacts by the labs that ran any of them; None where no lab did."""
    columns = list(dict.fromkeys((v.lab, v.arithmetic) for entry in entries for v in entry.labs))
    if not columns:
        return None
    return Table(
        head=("artifact", *(f"{lab}, {arithmetic}" for lab, arithmetic in columns)),
        rows=tuple(
            (entry.name, *(_cell(entry, column) for column in columns)) for entry in entries
        ),
    )


def executors(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What ran in the labs, each once."""
    return tuple(dict.fromkeys(v.executor for entry in entries for v in entry.labs if v.executor))


def _cell(entry: Entry, column: tuple[str, str]) -> str:
    """What this lab found about this artifact."""
    found = (v for v in entry.labs if (v.lab, v.arithmetic) == column)
    return next((v.summary for v in found), "not run")


def line(verdict: Verdict) -> str:
    """A verdict as the CSV has it."""
    outcome = "" if verdict.outcome != "passed" else "passed "
    return f"{verdict.lab} {verdict.arithmetic} {outcome}{verdict.summary}"
