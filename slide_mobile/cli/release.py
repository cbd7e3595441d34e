"""slide-mobile release."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import KEPT, Session, escape, verb

if TYPE_CHECKING:
    from slide_mobile.release.matrix import Release

EXAMPLES = """
\b
Examples:
  slide-mobile release release.toml
  slide-mobile release release.toml --json > release.json
  slide-mobile release release.toml --force      # all of it again
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Do again what is done.")
@verb
def release(session: Session, file: Path, force: bool) -> int:
    """Convert, check and time what FILE.toml lists, and write one report.

    FILE names models, targets and precisions; each combination is converted and checked, several
    side by side within a memory budget, then all are timed. What was done with the same inputs is
    kept, also after a crash. Exit code 1, with a list, if anything failed. docs/release.md has an
    example, and one for GitHub Actions.
    """
    from slide_mobile.release import matrix

    session.interruption = KEPT
    done = matrix.release(file, force=force, progress=session.progress)
    for name, error in done.failures:
        session.warn(f"{name}: {error}")
    session.emit(done.to_json(), lambda console: _print(console, done))
    return 0 if done.passed else 1


def _print(console: Console, done: "Release") -> None:
    for record, state in done.cells:
        colour = "red" if state == "failed" else "green"
        took = "" if state == "kept" else f"  ({record.seconds:.0f} s)"
        console.print(f"[bold {colour}]{state:7}[/] {escape(record.name)}{took}")
    for path in (done.bench, *done.reports):
        if path is not None:
            console.print(f"        {escape(str(path))}")
    if done.passed:
        console.print("[bold green]passed[/]")
    else:
        names = ", ".join(name for name, _ in done.failures)
        console.print(f"[bold red]failed[/]  {escape(names)}")
