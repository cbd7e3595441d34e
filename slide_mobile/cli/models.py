"""slide-mobile models."""

from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.session import Session, escape, verb

EXAMPLES = """
\b
Examples:
  slide-mobile models
  slide-mobile models --json | jq -r '.[].name'
"""


@click.command(epilog=EXAMPLES)
@verb
def models(session: Session) -> None:
    """List the models, with the paper's figures beside what is counted here."""
    session.progress("count parameters and multiply-adds")
    from slide_mobile.models import catalogue

    rows = catalogue.rows()
    session.emit(rows, lambda console: _print(console, rows, catalogue.FAR_PERCENT))


def _print(console: Console, rows: list[dict[str, Any]], far_percent: float) -> None:
    notes = list(dict.fromkeys(note for row in rows for note in row["notes"]))
    numbers = ("params M", "paper", "%", "MACs G", "paper", "%", "top-1")
    table = Table(
        Column("model", no_wrap=True),
        "preset",
        "input",
        *(Column(n, justify="right", no_wrap=True) for n in numbers),
        "notes",
        box=box.SIMPLE,
        padding=0,
    )
    for row in rows:
        paper, difference = row["paper"], row["difference"]
        table.add_row(
            row["name"],
            row["preset"],
            "x".join(map(str, row["input_size"])),
            f"{row['params'] / 1e6:.2f}",
            _figure(paper["params_m"]),
            _percent(difference["params_percent"], far_percent),
            f"{row['macs'] / 1e9:.3f}",
            _figure(paper["macs_g"]),
            _percent(difference["macs_percent"], far_percent),
            _figure(paper["top1"]),
            " ".join(str(notes.index(note) + 1) for note in row["notes"]),
        )
    console.print(table)
    console.print(f" ! more than {far_percent:g} % from the paper's figure")
    for number, note in enumerate(notes, 1):
        console.print(f"{number:2} {escape(note)}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _percent(value: float | None, far_percent: float) -> str:
    if value is None:
        return ""
    mark = "!" if abs(value) > far_percent else " "
    return f"{value:+.1f}{mark}"
