"""slide-mobile check."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.facts import INTEGRITY, parity_facts
from slide_mobile.cli.options import full_option
from slide_mobile.cli.printing import Fact, escape, mark, new_table, print_facts, print_next
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.artifact.manifest import Manifest
    from slide_mobile.parity.check_result import CheckDocument, CheckResult
    from slide_mobile.parity.pairwise import Agreement

AGAINST_ALONE = (
    "--against compares artifacts with each other, not with PyTorch: leave out --checkpoint, "
    "--module and --modules"
)
SHOWN = 8  # modules, where not all were asked for
APP_TARGETS = {"coreml", "executorch", "tflite"}  # what at least one demo app runs

EXAMPLES = """
\b
Examples:
  slide-mobile check artifacts/slide_swin_demo-tflite-int8
  slide-mobile check artifacts/slide_swin_tiny-coreml-fp16 --modules \\
      --checkpoint slide_swin_t.pth
  slide-mobile check artifacts/slide_swin_demo-tflite-fp32 \\
      --against artifacts/slide_swin_demo-onnx-fp32 \\
      --against artifacts/slide_swin_demo-coreml-fp32
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of images to compare on; with one subfolder for each class, accuracy is measured, "
    "too.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="The checkpoint that the artifact was converted from.",
)
@click.option(
    "--module",
    metavar="FILE.py:FUNCTION",
    help="What makes the network that was converted; runs the file, which is your own code.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Another artifact of the same model; can be repeated.",
)
@click.option("--modules", is_flag=True, help="Show the error of every module, in execution order.")
@full_option
@verb
def check(
    session: Session,
    artifact: Path,
    images: Path | None,
    checkpoint: Path | None,
    module: str | None,
    against: tuple[Path, ...],
    modules: bool,
    full: bool,
) -> int:
    """Compare ARTIFACT with PyTorch again.

    Verifies the files, runs the model file, and compares its outputs with PyTorch's. Exit code 1
    means that a file was changed or that a floor was missed.

    The PyTorch model is rebuilt for the bundled demo, for untrained models, from --checkpoint, and
    from --module, whose file is run as your own code.
    Otherwise the outputs that were recorded at conversion (golden/) are used.

    With --against, artifacts of one model are compared with each other instead of with PyTorch. If
    one of them disagrees with all the others, it is named.
    """
    session.progress("start PyTorch")  # in a child process, but for --against
    from slide_mobile.artifact.folder import ArtifactFolder
    from slide_mobile.pipeline import check

    if against:
        from slide_mobile.pipeline import compare  # imports PyTorch

        if checkpoint is not None or module is not None or modules:
            raise UsageError(AGAINST_ALONE)
        found = compare.compare([artifact, *against], folder=images, progress=session.progress)
        session.emit(found.document(), lambda console: _print_agreement(console, found))
        return 0 if found.passed else 1
    result = check.check(
        artifact,
        folder=images,
        checkpoint=checkpoint,
        module=module,
        modules=modules or None,
        full=full,
        progress=session.progress,
    )
    manifest = ArtifactFolder.open(artifact).manifest
    session.emit(result.document(), lambda console: _print(console, result, manifest, modules))
    return 0 if result.passed else 1


def _print(console: Console, result: "CheckResult", manifest: "Manifest", everything: bool) -> None:
    """Print the comparison with PyTorch."""
    root = str(result.artifact)
    console.print(f"{mark(result.passed)}  {escape(root)}")
    print_facts(console, _facts(result.document()))
    if result.modules:
        order = "in execution order" if everything else "lowest own SQNR first"
        console.print(f"\nmodules, {order}:\n")
        console.print(_modules(result, everything))
        console.print()
    if result.passed:
        commands = [("slide-mobile", "report", root, "--out", "report.html")]
        if manifest.is_classifier and manifest.target in APP_TARGETS:
            commands.append(("slide-mobile", "embed", root, "--app", "APP_FOLDER"))
        print_next(console, *commands)


def _facts(document: "CheckDocument") -> Iterator[Fact]:
    """The numbers, what was verified, and the floors that were missed."""
    yield from parity_facts(document, document.accuracy)
    yield "integrity", INTEGRITY
    for line in document.failures:
        yield "[red]missed[/]", escape(line)
    for note in document.notes:
        yield "[yellow]note[/]", escape(note)


def _modules(result: "CheckResult", everything: bool) -> Table:
    """The modules in which most of the error enters, or all of them in execution order."""
    rows = sorted(result.modules, key=lambda row: row.order) if everything else result.modules
    right = (Column(name, justify="right") for name in ("own SQNR, dB", "cumulative SQNR, dB"))
    table = new_table("module", *right)
    for row in rows if everything else rows[:SHOWN]:
        table.add_row(escape(row.module), f"{row.own_db:.1f}", f"{row.sqnr_db:.1f}")
    return table


def _print_agreement(console: Console, found: "Agreement") -> None:
    """Print the comparison of artifacts with each other."""
    console.print(f"{mark(found.passed)}  on {found.samples} images ({escape(found.images)})")
    # Artifacts have numbers: folders may share a name, and a narrow table would cut paths off.
    numbers = {path: str(i) for i, path in enumerate(found.artifacts, 1)}
    ran = zip(found.artifacts, found.runtimes, strict=True)
    print_facts(
        console,
        ((numbers[path], f"{escape(str(path))}, run by {escape(name)}") for path, name in ran),
        label_width=3,
    )
    console.print()
    right = ("SQNR, dB", "floor, dB", "largest error", "same top-1")
    table = new_table("pair", *(Column(name, justify="right") for name in right), "")
    for pair in found.pairs:
        table.add_row(
            f"{numbers[pair.a]} and {numbers[pair.b]}",
            f"{pair.sqnr_db:.1f}",
            f"{pair.min_sqnr_db:.1f}",
            f"{pair.max_abs:.2g}",
            "" if pair.top1_agreement is None else f"{pair.top1_agreement:.2%}",
            "" if pair.passed else "[red]missed[/]",
        )
    console.print(table)
    if found.odd_one_out is not None:
        odd = escape(str(found.odd_one_out))
        console.print(f"[bold red]odd one out[/]  {odd} disagrees with all the others")
