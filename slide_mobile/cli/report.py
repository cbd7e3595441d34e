"""slide-mobile report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.printing import escape, print_facts
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError
from slide_mobile.report.documents import FORMATS, Format

if TYPE_CHECKING:
    from slide_mobile.report.documents import Report

EXAMPLES = """
\b
Examples:
  slide-mobile report artifacts/* --out report.html
  slide-mobile bench artifacts/* --json > bench.json
  slide-mobile report artifacts/* --bench bench.json --bench phone.json \\
      --out report.html
  slide-mobile report artifacts/* --out summary.md || code=$?
  cat summary.md >> "$GITHUB_STEP_SUMMARY"; exit ${code:-0}
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write: .html, .md or .csv.",
)
@click.option(
    "--bench",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Measurements from `bench --json` or from an app; can be repeated.",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    help="Format of the file; by default, from the ending of --out.",
)
@click.option(
    "--modules/--no-modules",
    default=None,
    help="Compare the modules of all artifacts with PyTorch's, or of none.  "
    "[default: only quantized artifacts of small models]",
)
@verb
def report(
    session: Session,
    artifacts: tuple[Path, ...],
    out: Path,
    bench: tuple[Path, ...],
    format: Format | None,
    modules: bool | None,
) -> int:
    """Write a report on ARTIFACTS: checks, accuracy, latency, size, graphs, images.

    Verifies the files of every artifact and runs its golden images again. If an artifact is damaged
    or misses a floor, the report says so and the exit code is 1. Latencies come from --bench.

    An HTML report is a single file that loads nothing; its links lead to the artifacts.
    """
    if not artifacts:
        raise UsageError("no artifact given: slide-mobile report ARTIFACT... --out FILE")
    session.progress("start PyTorch")  # its import takes seconds
    from slide_mobile.report.writing import write_report

    written = write_report(
        artifacts,
        out,
        bench=bench,
        format=format,
        modules=modules,
        progress=session.progress,
    )
    for problem in written.problems:
        session.warn(problem.message)
    session.emit(written, lambda console: _print(console, written))
    return 0 if written.passed else 1


def _print(console: Console, written: "Report") -> None:
    """A line for each artifact with the floors it missed, the notes, and the path of the report."""
    for row in written.artifacts:
        style = {"passed": "green", "failed": "red"}.get(row.verdict, "yellow")
        fact = (f"[{style}]{row.verdict}[/]", f"{escape(row.artifact)}  {row.sqnr_db:.1f} dB")
        print_facts(console, [fact, *(("", escape(line)) for line in row.failures)])
    print_facts(console, [("[yellow]note[/]", escape(note)) for note in written.notes])
    console.print(escape(written.report), soft_wrap=True)
