"""slide-mobile models."""

from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.session import Session, verb


@click.command()
@verb
def models(session: Session) -> None:
    """List the models, with the paper's figures beside what is counted here."""
    session.progress("count parameters and multiply-adds")
    from slide_mobile.models import catalogue

    rows = catalogue.rows()
    session.emit(rows, lambda console: _print(console, rows))


def _print(console: Console, rows: list[dict[str, Any]]) -> None:
    numbers = ("params M", "paper", "MACs G", "paper", "top-1")
    table = Table(
        Column("model", no_wrap=True),
        "preset",
        "input",
        *(Column(n, justify="right") for n in numbers),
        box=box.SIMPLE,
    )
    for row in rows:
        paper = row["paper"]
        table.add_row(
            row["name"],
            row["preset"],
            "x".join(map(str, row["input_size"])),
            f"{row['params'] / 1e6:.2f}",
            _figure(paper["params_m"]),
            f"{row['macs'] / 1e9:.3f}",
            _figure(paper["macs_g"]),
            _figure(paper["top1"]),
        )
    console.print(table)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
