"""slide-mobile lab cost."""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct
from rich.console import Console
from rich.table import Column

from slide_mobile.cli.printing import Fact, escape, new_table, print_facts
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.lab.cost.documents import CostDocument, CostOfModule

DEPTH = 3  # parts of a module's path that the table keeps: layers.0.blocks
SHOWN = 16  # rows of the table

EXAMPLES = """
\b
Examples:
  slide-mobile lab setup cost
  slide-mobile lab cost artifacts/slide_swin_demo-tflite-int8
  slide-mobile lab cost artifacts/slide_swin_tiny-tflite-fp32 \\
      artifacts/swin_tiny-tflite-fp32 --core a55
"""


class Costs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `lab cost --json`; a ratio is over the first artifact's cycles."""

    artifacts: tuple[CostDocument, ...]
    ratios: tuple[float, ...]


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--core", metavar="NAME", help="Core of a phone: a55, a76, x1 or a510.  [default: a76]"
)
@verb
def cost(session: Session, artifacts: tuple[Path, ...], core: str | None) -> None:
    """Estimate the cycles of one inference of ARTIFACTS on a phone's core.

    An estimate, not a measurement: QEMU counts what LiteRT executes, LLVM's model of the core says
    how many cycles that takes, and a model of the caches adds the time of memory. Only ratios of
    files on one core mean anything. Takes minutes for a large model, and needs .tflite files.
    """
    from slide_mobile.lab.cost import estimate

    found = [
        estimate.estimate(root, core=core or estimate.DEFAULT_CORE, progress=session.progress)
        for root in artifacts
    ]
    ratios = tuple(round(each.cycles / found[0].cycles, 4) for each in found)
    document = Costs(artifacts=tuple(found), ratios=ratios)
    session.emit(document, lambda console: _print(console, document))


def _print(console: Console, document: Costs) -> None:
    """For each artifact its sums and its modules."""
    for each, ratio in zip(document.artifacts, document.ratios, strict=True):
        console.print(f"[bold]{escape(each.artifact)}[/]")
        print_facts(console, _facts(each, ratio))
        right = [Column(name, justify="right") for name in ("Mcycles", "of memory", "share")]
        table = new_table("module", *right)
        for row in grouped(each.modules)[:SHOWN]:
            cycles = row.compute_cycles + row.memory_cycles
            numbers = (f"{cycles / 1e6:.2f}", f"{row.memory_cycles / 1e6:.2f}")
            table.add_row(escape(row.module), *numbers, f"{cycles / each.cycles:.1%}")
        console.print(table)


def _facts(each: CostDocument, ratio: float) -> Iterator[Fact]:
    """The sums, and what they come from."""
    yield "estimate", f"{each.cycles / 1e6:.1f} million cycles on {each.core} ({each.chip})"
    yield "computing", f"{each.compute_cycles / 1e6:.1f} million, data in the first cache"
    yield "memory", f"{each.memory_cycles / 1e6:.1f} million more"
    yield "ratio", f"{ratio:.3f} of the first artifact"
    yield "counted by", escape(f"{each.executed_by}; {each.instructions / 1e6:.0f} M instructions")
    yield "model", escape(each.simulated_by)


def grouped(modules: tuple[CostOfModule, ...]) -> tuple[CostOfModule, ...]:
    """Sums by the first DEPTH parts of the path, most cycles first."""
    groups: dict[str, list[CostOfModule]] = {}
    for module in modules:
        path = ".".join(module.module.split(".")[:DEPTH])
        groups.setdefault(path or "(model)", []).append(module)
    sums = (
        CostOfModule(
            module=path,
            operations=sum(each.operations for each in group),
            compute_cycles=sum(each.compute_cycles for each in group),
            memory_cycles=sum(each.memory_cycles for each in group),
        )
        for path, group in groups.items()
    )
    return tuple(sorted(sums, key=lambda each: -each.compute_cycles - each.memory_cycles))
