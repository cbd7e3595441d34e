"""How results are printed for a person: labelled lines, tables and the commands that follow.

Lines break between words: `Session.emit` gives a console that is as wide as the terminal.
"""

import shlex
from collections.abc import Iterable

from rich import box, markup
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.terminal import printable

MOST_CHARACTERS = 5_000  # of one fact, such as the list of a graph's operations
Fact = tuple[str, str]  # a label, and what follows it, with rich's markup


def print_facts(console: Console, facts: Iterable[Fact], *, label_width: int = 11) -> None:
    """A line for each fact, its label on the left; a long text goes on below its beginning."""
    # A word that is longer than the line goes on in the next one: nothing is left out.
    grid = Table.grid(Column(width=label_width + 2, no_wrap=True), Column(overflow="fold"))
    for label, text in facts:
        grid.add_row(f"  {label}", text)
    console.print(grid)


def print_next(console: Console, *commands: tuple[str, ...]) -> None:
    """The commands that make sense now, each in one line that can be copied."""
    console.print("next:")
    for words in commands:
        console.print(f"  {escape(shlex.join(words))}", soft_wrap=True)


def new_table(*columns: Column | str, gap: int = 2) -> Table:
    """An empty table in the style of all commands, `gap` spaces between its columns.

    Its first column is never broken.
    """
    first, *others = (Column(c) if isinstance(c, str) else c for c in columns)
    first.no_wrap = True
    return Table(
        first,
        *others,
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),
    )


def mark(passed: bool) -> str:
    """The word for a result, in its colour."""
    return "[bold green]passed[/]" if passed else "[bold red]failed[/]"


def escape(text: str) -> str:
    """The text as it stands, for a console that reads rich's markup; the end of a long one is cut.

    A file can hold a name of any length, and no terminal shows a line of megabytes.
    """
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}... ({len(text) - MOST_CHARACTERS} more characters)"
    return markup.escape(printable(text))
