"""slide-mobile models."""

from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.printing import escape, new_table, print_facts
from slide_mobile.cli.session import UNLIMITED, Session
from slide_mobile.cli.verb import verb
from slide_mobile.models import catalogue
from slide_mobile.models.catalogue import Row

EXAMPLES = """
\b
Examples:
  slide-mobile models
  slide-mobile models --json | jq -r '.[].name'
"""

# Columns by their heading. Those with a rank are left out where the table is too wide, the
# highest rank first.
COLUMNS: tuple[tuple[str, int, Callable[[Row], str]], ...] = (
    ("model", 0, lambda row: row.name),
    ("preset", 5, lambda row: row.preset),
    ("input", 4, lambda row: "x".join(map(str, row.input_size))),
    ("params\nM", 0, lambda row: f"{row.params / 1e6:.2f}"),
    ("paper\nM", 3, lambda row: _figure(row.paper.params_m)),
    ("diff\n%", 0, lambda row: _percent(row.difference.params_percent)),
    ("MACs\nG", 0, lambda row: f"{row.macs / 1e9:.3f}"),
    ("paper\nG", 2, lambda row: _figure(row.paper.macs_g)),
    ("diff\n%", 0, lambda row: _percent(row.difference.macs_percent)),
    ("top-1\n%", 1, lambda row: _figure(row.paper.top1)),
)
TEXTS = ("model", "preset", "input", "notes")  # the other columns are numbers


@click.command(epilog=EXAMPLES)
@verb
def models(session: Session) -> None:
    """List the models and their sizes.

    Parameters and multiply-adds (MACs) are counted in this package's networks, at their input size.
    Next to them are the figures in the papers, and the difference in percent. A narrow terminal
    shows fewer columns; --json shows everything.
    """
    rows = catalogue.list_models()
    session.emit(rows, lambda console: _print(console, rows))


def _print(console: Console, rows: Sequence[Row]) -> None:
    """Print the widest table that fits, and the notes below it."""
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    for most in range(max(rank for _, rank, _ in COLUMNS), -1, -1):
        table = _table(rows, notes, most)
        unlimited = console.options.update(width=UNLIMITED)
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
    console.print(table)
    console.print()
    far = f"differs from the paper's figure by more than {catalogue.FAR_PERCENT:g}%"
    numbered = [(str(number), escape(note)) for number, note in enumerate(notes, 1)]
    print_facts(console, [("!", far), *numbered], label_width=3)


def _table(rows: Sequence[Row], notes: list[str], most: int) -> Table:
    """The table without the columns whose rank is above `most`."""
    shown = [(name, text) for name, rank, text in COLUMNS if rank <= most]
    shown.append(("notes", lambda row: " ".join(str(notes.index(n) + 1) for n in row.notes)))
    table = new_table(*(_column(name) for name, _ in shown), gap=1)
    for row in rows:
        table.add_row(*(text(row) for _, text in shown))
    return table


def _column(name: str) -> Column:
    """A column that is never broken; numbers are right-aligned."""
    return Column(name, justify="left" if name in TEXTS else "right", no_wrap=True)


def _figure(value: float | None) -> str:
    """A figure of a paper, nothing where it prints none."""
    return "" if value is None else f"{value:g}"


def _percent(value: float | None) -> str:
    """A difference in percent, with an exclamation mark where it is large."""
    if value is None:
        return ""
    mark = "!" if abs(value) > catalogue.FAR_PERCENT else " "
    return f"{value:+.1f}{mark}"
