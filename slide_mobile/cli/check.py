"""slide-mobile check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.pipeline import Check

SHOWN = 8


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--images", type=click.Path(path_type=Path), help="Class folders of labelled images.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The one it was made from.")
@click.option("--against", type=click.Path(path_type=Path), help="Another artifact of the model.")
@verb
def check(
    session: Session,
    artifact: Path,
    images: Path | None,
    checkpoint: Path | None,
    against: Path | None,
) -> int:
    """Run ARTIFACT from disk against PyTorch again; exit code 1 if it misses a floor.

    The reference is rebuilt for the demo, for untrained models, and with --checkpoint; without it
    the golden logits recorded at conversion stand for it.
    """
    if against is not None:
        raise UsageError("not yet: --against; available: comparison with PyTorch")
    from slide_mobile import pipeline

    result = pipeline.check(
        artifact, folder=images, checkpoint=checkpoint, progress=session.progress
    )
    session.emit(result.to_json(), lambda console: _print(console, result))
    return 0 if result.parity.passed else 1


def _print(console: Console, result: "Check") -> None:
    parity = result.parity
    verdict = "[bold green]passed[/]" if parity.passed else "[bold red]failed[/]"
    console.print(f"{verdict}  {escape(str(result.artifact))}")
    console.print(
        f"  parity    {parity.sqnr_db:.1f} dB (floor {parity.recipe.min_sqnr_db:g}), "
        f"max |err| {parity.max_abs:.2g}, "
        f"top-1 agreement {parity.top1_agreement:.2%} of {parity.samples}"
    )
    if parity.accuracy is not None:
        console.print(
            f"  accuracy  top-1 {parity.accuracy.top1:.2%}, "
            f"PyTorch {parity.accuracy.reference_top1:.2%}, on {parity.accuracy.images} images"
        )
    for line in parity.failures:
        console.print(f"  [red]missed[/]    {escape(line)}")
    for note in result.notes:
        console.print(f"  [yellow]note[/]      {escape(note)}")
    if result.modules:
        table = Table("module", "SQNR, dB", title="farthest from PyTorch", title_justify="left")
        for row in result.modules[:SHOWN]:
            table.add_row(escape(row.module), f"{row.sqnr_db:.1f}")
        console.print(table)
