"""slide-mobile doctor."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.printing import escape, print_facts
from slide_mobile.cli.session import KEPT, Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError
from slide_mobile.targets import environments

if TYPE_CHECKING:
    from slide_mobile.doctor.diagnosis import Diagnosis, Toolchain
    from slide_mobile.doctor.install import Installation
    from slide_mobile.doctor.resources import Resource
    from slide_mobile.lab.verdict import LabState

LABEL = 9  # columns for the mark of an item
EXAMPLES = """
\b
Examples:
  slide-mobile doctor
  slide-mobile doctor --install onnx2tf
  slide-mobile doctor --json | jq '.toolchains[] | select(.ready | not)'
"""


@click.command(epilog=EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--install",
    "installs",
    is_flag=True,
    help="Create the environments NAME..., which are listed below.",
)
@verb
def doctor(session: Session, names: tuple[str, ...], installs: bool) -> None:
    """Report what works on this machine, what is wrong, and the command that fixes it.

    Lists the toolchains, with their versions and what each one can do here; the labs that are set
    up; packages that conflict; whether memory and disk space are enough for a conversion; and
    combinations of formats and runtimes with known problems.

    Some toolchains conflict with the others, so each of them needs its own environment, which
    --install creates.
    """
    if installs:
        _install(session, names)
        return
    if names:
        raise UsageError(f"{names[0]!r:.60} needs --install: slide-mobile doctor --install NAME")
    from slide_mobile.doctor.diagnosis import diagnose

    found = diagnose()
    session.emit(found, lambda console: _print(console, found))


# A line each: click would break a long name at its hyphen.
doctor.help = "\n".join(
    [
        f"{inspect.cleandoc(doctor.help or '')}\n\n\b",
        "Environments:",
        *(f"  {name}" for name in environments.ENVIRONMENTS),
    ]
)


def _install(session: Session, names: tuple[str, ...]) -> None:
    """Make environments and print where they are."""
    from slide_mobile.doctor.install import install

    session.interruption = KEPT
    done = install(names, progress=session.progress)
    session.emit(done, lambda console: _print_installation(console, done))


def _print_installation(console: Console, done: "Installation") -> None:
    """One line for each environment."""
    for made in done.environments:
        console.print(f"[green]ready[/]  {made.name}: {escape(made.python)}", soft_wrap=True)


def _print(console: Console, found: "Diagnosis") -> None:
    """Everything that was found, section by section."""
    for toolchain in found.toolchains:
        _print_toolchain(console, toolchain)
    for environment in found.environments:
        text = f"{environment.name}: {environment.purpose}"
        _print_item(console, _mark(environment.ready), text)
        if not environment.ready:
            _print_command(console, environment.command)
    _print_labs(console, found.labs)
    for conflict in found.conflicts:
        _print_item(console, "[red]conflict[/]", conflict.what)
        _print_command(console, conflict.command)
    for resource in found.resources:
        mark = "[green]enough[/]" if resource.enough else "[yellow]short[/]"
        _print_item(console, mark, _sizes(resource))
        if not resource.enough:
            _print_command(console, resource.command)
    if found.known_bad:
        console.print("known problems:")
    for row in found.known_bad:
        instead = f"instead: {row.instead}"
        _print_item(console, "", row.combination, row.consequence, instead)


def _print_toolchain(console: Console, toolchain: "Toolchain") -> None:
    """A toolchain with its packages, and the command for what it lacks."""
    packages = []
    for package in toolchain.packages:
        wanted = "" if package.fits else f"  (needs {package.wanted})"
        packages.append(f"{package.name} {package.installed or 'not installed'}{wanted}")
    title = f"--to {toolchain.target}: {toolchain.possible}"
    _print_item(console, _mark(toolchain.ready), title, *packages)
    if not toolchain.ready:
        _print_command(console, toolchain.command)


def _print_labs(console: Console, labs: "Sequence[LabState]") -> None:
    """The labs, and one command for all that are missing."""
    from slide_mobile.lab import catalogue

    ready = [lab.name for lab in labs if lab.ready]
    missing = [lab.name for lab in labs if not lab.ready]
    for names, mark in ((ready, _mark(True)), (missing, _mark(False))):
        if names:
            _print_item(console, mark, f"labs: {', '.join(names)}")
    if missing:
        _print_command(console, catalogue.command(*missing))


def _print_item(console: Console, mark: str, title: str, *details: str) -> None:
    """A marked line, with its details indented below it."""
    print_facts(console, [(mark, escape(title))], label_width=LABEL)
    print_facts(console, [("", escape(line)) for line in details], label_width=LABEL + 2)


def _print_command(console: Console, command: str) -> None:
    """A command in one line that can be copied."""
    console.print(f"{' ' * (LABEL + 4)}[bold]{escape(command)}[/]", soft_wrap=True)


def _mark(ready: bool) -> str:
    """The word for an item that is there or not."""
    return "[green]ready[/]" if ready else "[yellow]missing[/]"


def _sizes(resource: "Resource") -> str:
    """A resource in words."""
    free = "unknown" if resource.free_bytes is None else f"{resource.free_bytes / 1e9:.1f} GB"
    where = f" in {resource.where}" if resource.where else ""
    needed = f"{resource.needed_bytes / 1e9:.1f} GB needed {resource.purpose}"
    return f"{resource.kind}: {free} free{where}, {needed}"
