"""slide-mobile report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.report.writing import Report

EXAMPLES = """
\b
Examples:
  slide-mobile report artifacts/* --out report.html
  slide-mobile bench artifacts/* --json > bench.json
  slide-mobile report artifacts/* --bench bench.json --bench phone.json --out report.html
  slide-mobile report artifacts/* --out summary.md || code=$?   # in a job of GitHub Actions
  cat summary.md >> "$GITHUB_STEP_SUMMARY"; exit ${code:-0}
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write; its ending says the format.",
)
@click.option(
    "--bench",
    type=click.Path(path_type=Path),
    multiple=True,
    help="What `bench --json` or an app wrote; may be given again.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["html", "markdown", "csv"]),
    help="Where the ending of --out does not say it.",
)
@click.option(
    "--modules/--no-modules",
    default=None,
    help="Compare every artifact with PyTorch module by module, or none; left out, quantised "
    "ones of small models.",
)
@verb
def report(
    session: Session,
    artifacts: tuple[Path, ...],
    out: Path,
    bench: tuple[Path, ...],
    format_name: str | None,
    modules: bool | None,
) -> int:
    """Write one file about ARTIFACTS: verdicts, accuracy, latency, size, graphs, images.

    An HTML file is complete in itself: no network, no script. Each artifact's files are verified,
    and its golden images run again; exit code 1 if one is damaged or misses its floor, which the
    report says too. Latencies come from --bench.
    """
    from slide_mobile.report.writing import write

    if not artifacts:
        raise UsageError("report of which artifacts? slide-mobile report ARTIFACT... --out FILE")
    written = write(
        artifacts,
        out,
        bench=bench,
        format=format_name,  # type: ignore[arg-type] # click has checked it
        modules=modules,
        progress=session.progress,
    )
    for problem in written.problems:
        session.warn(problem.said)
    session.emit(written.to_json(), lambda console: _print(console, written))
    return 0 if written.passed else 1


def _print(console: Console, written: "Report") -> None:
    for row in written.rows:
        style = {"passed": "green", "failed": "red"}.get(row["verdict"], "yellow")
        console.print(
            f"[{style}]{row['verdict']:8}[/] {escape(row['artifact'])}  {row['sqnr_db']:.1f} dB"
        )
    for note in written.notes:
        console.print(f"[yellow]note[/]     {escape(note)}")
    console.print(escape(str(written.path)))
