"""slide-mobile check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from slide_mobile.cli import parity as printed
from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.parity.check_result import CheckResult
    from slide_mobile.parity.pairwise import Agreement

SHOWN = 8

EXAMPLES = """
\b
Examples:
  slide-mobile check artifacts/slide_swin_demo-tflite-int8
  slide-mobile check artifacts/slide_swin_tiny-coreml-fp16 --checkpoint slide_swin_t.pth --modules
  slide-mobile check artifacts/slide_swin_demo-tflite-fp32 \\
      --against artifacts/slide_swin_demo-onnx-fp32 --against artifacts/slide_swin_demo-coreml-fp32
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Class folders of labelled images; for features, any images.",
)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The one it was made from.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Another artifact of the model; may be given again.",
)
@click.option("--modules", is_flag=True, help="Every module's error, in the order of execution.")
@verb
def check(
    session: Session,
    artifact: Path,
    images: Path | None,
    checkpoint: Path | None,
    against: tuple[Path, ...],
    modules: bool,
) -> int:
    """Run ARTIFACT from disk against PyTorch again; exit code 1 if it misses a floor.

    The reference is rebuilt for the demo, for untrained models, and with --checkpoint; without it
    what was recorded of it at conversion (golden/) stands for it. Of features, every output has to
    reach the floor. With --against, artifacts of one model
    are compared with each other instead, and the odd one out is named.
    """
    from slide_mobile.pipeline import check, compare

    if against:
        if checkpoint is not None or modules:
            raise UsageError(
                "--against compares artifacts with each other, without PyTorch: leave "
                "--checkpoint and --modules out"
            )
        found = compare.compare([artifact, *against], folder=images, progress=session.progress)
        session.emit(found.document(), lambda console: _print_agreement(console, found))
        return 0 if found.passed else 1
    result = check.check(
        artifact,
        folder=images,
        checkpoint=checkpoint,
        modules=modules or None,
        progress=session.progress,
    )
    session.emit(result.document(), lambda console: _print(console, result, modules))
    return 0 if result.parity.passed else 1


def _print(console: Console, result: "CheckResult", everything: bool) -> None:
    parity = result.parity
    console.print(f"{_verdict(parity.passed)}  {escape(str(result.artifact))}")
    for line in printed.lines(parity.document(images=result.images, runtime=result.runtime)):
        console.print(line)
    console.print(f"  run by    {escape(result.runtime)}")
    if parity.accuracy is not None:
        console.print(
            f"  accuracy  top-1 {parity.accuracy.top1:.2%}, "
            f"PyTorch {parity.accuracy.reference_top1:.2%}, on {parity.accuracy.images} images"
        )
    for line in parity.failures:
        console.print(f"  [red]missed[/]    {escape(line)}")
    for note in result.notes:
        console.print(f"  [yellow]note[/]      {escape(note)}")
    if not result.modules:
        return
    table = Table("module", "enters here, dB", "so far, dB", title_justify="left")
    table.title = "error by module" if everything else "where the error enters"
    rows = result.modules
    if everything:
        rows = tuple(sorted(rows, key=lambda row: row.order))
    for row in rows if everything else rows[:SHOWN]:
        table.add_row(escape(row.module), f"{row.own_db:.1f}", f"{row.sqnr_db:.1f}")
    console.print(table)


def _print_agreement(console: Console, found: "Agreement") -> None:
    console.print(f"{_verdict(found.passed)}  on {found.samples} images ({escape(found.images)})")
    # By number: names of folders need not differ, and paths would be cut in a narrow table.
    numbers = {path: str(i) for i, path in enumerate(found.artifacts, 1)}
    for path, runtime in zip(found.artifacts, found.runtimes, strict=True):
        console.print(f"  {numbers[path]}  {escape(str(path))}  run by {escape(runtime)}")
    table = Table("", "and", "SQNR, dB", "floor", "max |err|", "top-1 agreement", "")
    for pair in found.pairs:
        table.add_row(
            numbers[pair.a],
            numbers[pair.b],
            f"{pair.sqnr_db:.1f}",
            f"{pair.min_sqnr_db:.1f}",
            f"{pair.max_abs:.2g}",
            "" if pair.top1_agreement is None else f"{pair.top1_agreement:.2%}",
            "" if pair.passed else "[red]missed[/]",
        )
    console.print(table)
    if found.odd_one_out is not None:
        console.print(f"[bold red]odd one out[/]  {escape(str(found.odd_one_out))}")


def _verdict(passed: bool) -> str:
    return "[bold green]passed[/]" if passed else "[bold red]failed[/]"
