"""slide-mobile lab."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console
from rich.table import Column

from slide_mobile.artifact.documents import Name, Text
from slide_mobile.cli.cost import cost
from slide_mobile.cli.group import Group
from slide_mobile.cli.options import comma_list
from slide_mobile.cli.printing import Fact, escape, new_table, print_facts, print_next
from slide_mobile.cli.session import KEPT, Session
from slide_mobile.cli.verb import verb
from slide_mobile.lab.verdict import LabResults, LabState, Verdict

if TYPE_CHECKING:
    from slide_mobile.artifact.folder import ArtifactFolder
    from slide_mobile.lab.labs import Lab

MARKS = {
    "passed": "[green]passed[/]",
    "failed": "[bold red]failed[/]",
    "refused": "[yellow]refused[/]",
}
EXAMPLES = """
\b
Examples:
  slide-mobile lab
  slide-mobile lab setup gpu arm64
  slide-mobile lab artifacts/slide_swin_demo-tflite-int8
  slide-mobile lab artifacts/slide_swin_demo-tflite-fp32 --lab gpu
"""


class Labs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `lab --json` without an artifact, and of `lab setup --json`."""

    labs: tuple[LabState, ...]


class ArtifactResults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An artifact and what labs found about it now; `not_run` names labs that are not set up."""

    artifact: Text
    not_run: tuple[Name, ...]
    verdicts: tuple[Verdict, ...]


class Results(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `lab ARTIFACT... --json`."""

    artifacts: tuple[ArtifactResults, ...]


class ArtifactsOrCommand(Group):
    """A group in which `lab ARTIFACT` is short for `lab run ARTIFACT`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with `run` put in front of what is no command of the group."""
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help"}):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ArtifactsOrCommand, epilog=EXAMPLES)
def lab() -> None:
    """Run ARTIFACTS on what a phone has: its GPU runtime, its CPU's kernels, older runtimes.

    `lab ARTIFACT...` is short for `lab run ARTIFACT...`. Without an artifact it lists the labs.

    A lab proves that a file computes the right thing. It says nothing about speed: drivers and
    CPUs are emulated.
    """


@lab.command()
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path), metavar="[ARTIFACT]...")
@click.option("--lab", "names", metavar="NAMES", help="Labs to run in, such as gpu,arm64-a76.")
@click.option(
    "--images",
    type=click.IntRange(1, 1000),
    help="Number of golden images to run.  [default: 4]",
)
@verb
def run(
    session: Session, artifacts: tuple[Path, ...], names: str | None, images: int | None
) -> int:
    """Run ARTIFACTS in labs, and compare their outputs with PyTorch's.

    Runs in every lab that is set up, or in those that --lab names. The results are printed and
    kept in lab.json in each artifact's folder. Exit code 1 means that a file computed something
    else than PyTorch. A file that a lab refuses does no silent harm, and is only reported.

    Without ARTIFACTS, lists the labs.
    """
    from slide_mobile.artifact.folder import ArtifactFolder
    from slide_mobile.lab import catalogue, results
    from slide_mobile.lab import session as labs

    chosen = catalogue.choose(comma_list("--lab", names))
    if not artifacts:
        _emit_labs(session, chosen)
        return 0
    if names is not None:
        catalogue.require_ready(chosen)
    ready = catalogue.ready(chosen)
    opened = [ArtifactFolder.open(root) for root in artifacts]
    for artifact in opened:
        results.read(artifact)  # a damaged lab.json must not show after minutes
    session.interruption = KEPT
    found, passed = [], True
    for artifact in opened:
        done = labs.run(artifact, ready, images=images or labs.IMAGES, progress=session.progress)
        results.save(artifact, done)
        passed &= done.passed
        found.append(_results(artifact, [lab for lab in chosen if lab not in ready], done))
    session.emit(Results(artifacts=tuple(found)), lambda console: _print(console, found))
    return 0 if passed else 1


def _results(
    artifact: "ArtifactFolder", missing: "Sequence[Lab]", done: LabResults
) -> ArtifactResults:
    """What labs found about an artifact, and which of the missing ones would run its file."""
    manifest = artifact.manifest
    concerned = [lab.name for lab in missing if lab.takes(manifest.target, manifest.precision)]
    return ArtifactResults(
        artifact=str(artifact.root), not_run=tuple(concerned), verdicts=done.verdicts
    )


@lab.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@verb
def setup(session: Session, names: tuple[str, ...]) -> None:
    """Make what labs need: all of them, or those that NAME lists.

    Everything goes into the cache folder. Nothing is installed on the machine, and root is not
    needed. Packages come from Debian (by apt), PyPI (by pip) and npm.
    """
    from slide_mobile.lab import catalogue

    session.interruption = KEPT
    chosen = catalogue.choose(names)
    catalogue.setup(chosen, progress=session.progress)
    _emit_labs(session, chosen)


def _emit_labs(session: Session, chosen: "Sequence[Lab]") -> None:
    """Print labs and whether they are set up."""
    from slide_mobile.lab import catalogue

    states = tuple(map(catalogue.state, chosen))
    session.emit(Labs(labs=states), lambda console: _print_labs(console, states))


def _print_labs(console: Console, states: tuple[LabState, ...]) -> None:
    """One row for each lab, and the command for those that are missing."""
    table = new_table("lab", "", "proves that", "leaves open")
    for state in states:
        mark = "[green]ready[/]" if state.ready else "[yellow]missing[/]"
        table.add_row(state.name, mark, state.proves, state.leaves_open)
    console.print(table)
    if missing := [state.name for state in states if not state.ready]:
        print_next(console, ("slide-mobile", "lab", "setup", *missing))


def _print(console: Console, found: list[ArtifactResults]) -> None:
    """For each artifact a table of the numbers, what executed it, and what was wrong."""
    for results in found:
        console.print(f"[bold]{escape(results.artifact)}[/]")
        if not results.verdicts:
            console.print("[yellow]not run[/]  no lab that is set up runs such a file")
            continue
        right = [Column(name, justify="right") for name in ("SQNR, dB", "floor", "from here, dB")]
        table = new_table("lab", "in", "", *right)
        for verdict in results.verdicts:
            table.add_row(*_row(verdict))
        console.print(table)
        width = 2 + max(len(verdict.lab) for verdict in results.verdicts)
        print_facts(console, _remarks(results.verdicts), label_width=width)
    missing = list(dict.fromkeys(name for results in found for name in results.not_run))
    if missing:
        console.print(f"[yellow]not set up[/]  {', '.join(missing)}")
        print_next(console, ("slide-mobile", "lab", "setup", *missing))


def _row(verdict: Verdict) -> tuple[str, ...]:
    """The cells of one verdict."""
    numbers = (verdict.sqnr_db, verdict.min_sqnr_db, verdict.host_sqnr_db)
    return (
        verdict.lab,
        verdict.arithmetic,
        MARKS[verdict.outcome],
        *("" if number is None else f"{number:.1f}" for number in numbers),
    )


def _remarks(verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    """What executed the file, and why it was refused or failed."""
    for verdict in verdicts:
        if verdict.executor:
            yield verdict.lab, f"{verdict.arithmetic} by {escape(verdict.executor)}"
        if verdict.why:
            yield verdict.lab, f"{MARKS[verdict.outcome]}: {escape(verdict.why)}"


lab.add_command(cost)
