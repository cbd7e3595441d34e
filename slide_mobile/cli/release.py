"""slide-mobile release."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.printing import escape, print_facts
from slide_mobile.cli.session import KEPT, Session
from slide_mobile.cli.verb import verb

if TYPE_CHECKING:
    from slide_mobile.release.documents import Release

EXAMPLES = """
\b
Examples:
  slide-mobile release release.toml
  slide-mobile release release.toml --json > release.json
  slide-mobile release release.toml --force
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Repeat every step, even those that are finished.")
@verb
def release(session: Session, file: Path, force: bool) -> int:
    """Convert, check and time the combinations that FILE lists, and write one report.

    FILE is a TOML file with models, targets and precisions. Each combination is converted and
    checked, several at a time within a memory budget; then all of them are timed. Results of an
    earlier run with the same inputs are kept, even after a crash. The exit code is 1 if anything
    failed.

    docs/release.md has an example, and one for GitHub Actions.
    """
    from slide_mobile.release import matrix

    session.interruption = KEPT
    done = matrix.release(file, force=force, progress=session.progress)
    for failure in done.failed:
        session.warn(failure.message)
    session.emit(done, lambda console: _print(console, done))
    return 0 if done.passed else 1


def _print(console: Console, done: "Release") -> None:
    """A line for each cell, the files that were written, and the verdict."""
    for cell in done.cells:
        colour = "red" if cell.state == "failed" else "green"
        took = "" if cell.state == "kept" else f"  ({cell.seconds:.0f} s)"
        print_facts(console, [(f"[bold {colour}]{cell.state}[/]", escape(cell.name) + took)])
    for path in (done.bench, *done.reports):
        if path is not None:
            console.print(escape(path), soft_wrap=True)
    if done.passed:
        console.print("[bold green]passed[/]")
    else:
        errors = "1 error" if len(done.failed) == 1 else f"{len(done.failed)} errors"
        console.print(f"[bold red]failed[/]: {errors}, see above")
