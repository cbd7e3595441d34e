"""slide-mobile doctor."""

from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import KEPT, Session, escape, verb
from slide_mobile.errors import UsageError
from slide_mobile.targets import environments

if TYPE_CHECKING:
    from slide_mobile.doctor.diagnosis import Diagnosis, Environment, Toolchain
    from slide_mobile.doctor.install import Installation
    from slide_mobile.doctor.resources import Resource

INDENT = " " * 11
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
    help=f"Make the environments NAME...: {', '.join(environments.ENVIRONMENTS)}",
)
@verb
def doctor(session: Session, names: tuple[str, ...], installs: bool) -> None:
    """Report what works on this machine, what is wrong, and the command that fixes it.

    Lists the toolchains with their versions and what each makes possible here, packages that
    conflict, memory and disk space against what a conversion needs, and combinations of formats
    and runtimes that are known to give bad results.

    Some toolchains conflict with the others, so each of these has an environment of its own;
    --install makes it.
    """
    if installs:
        _install(session, names)
        return
    if names:
        raise UsageError(f"doctor takes names with --install only, not {names[0]!r:.60} alone")
    from slide_mobile.doctor.diagnosis import diagnose

    found = diagnose()
    session.emit(found, lambda console: _print(console, found))


def _install(session: Session, names: tuple[str, ...]) -> None:
    from slide_mobile.doctor.install import install

    session.interruption = KEPT
    done = install(names, progress=session.progress)
    session.emit(done, lambda console: _print_installation(console, done))


def _print_installation(console: Console, done: "Installation") -> None:
    for made in done.environments:
        console.print(f"{_mark(True)}  {made.name}: {escape(made.python)}")


def _print(console: Console, found: "Diagnosis") -> None:
    for toolchain in found.toolchains:
        _print_toolchain(console, toolchain)
    for environment in found.environments:
        _print_environment(console, environment)
    for conflict in found.conflicts:
        console.print(f"[red]conflict[/] {escape(conflict.what)}")
        console.print(f"{INDENT}[bold]{escape(conflict.command)}[/]")
    for resource in found.resources:
        mark = "[green]enough [/]" if resource.enough else "[yellow]short  [/]"
        console.print(f"{mark}  {escape(_sizes(resource))}")
        if not resource.enough:
            console.print(f"{INDENT}[bold]{escape(resource.command)}[/]")
    if found.known_bad:
        console.print("known to give bad results:")
    for row in found.known_bad:
        console.print(f"  {escape(row.combination)}")
        console.print(f"{INDENT}{escape(row.consequence)}")
        console.print(f"{INDENT}instead: {escape(row.instead)}")


def _print_toolchain(console: Console, toolchain: "Toolchain") -> None:
    console.print(f"{_mark(toolchain.ready)}  --to {toolchain.target}: {toolchain.possible}")
    for package in toolchain.packages:
        version = package.installed or "not installed"
        wanted = "" if package.fits else f"  (needs {escape(package.wanted)})"
        console.print(f"{INDENT}{package.name} {version}{wanted}")
    if not toolchain.ready:
        console.print(f"{INDENT}[bold]{escape(toolchain.command)}[/]")


def _print_environment(console: Console, environment: "Environment") -> None:
    console.print(f"{_mark(environment.ready)}  {environment.name}: {environment.purpose}")
    if not environment.ready:
        console.print(f"{INDENT}[bold]{escape(environment.command)}[/]")


def _mark(ready: bool) -> str:
    return "[green]ready  [/]" if ready else "[yellow]missing[/]"


def _sizes(resource: "Resource") -> str:
    free = "unknown" if resource.free_bytes is None else f"{resource.free_bytes / 1e9:.1f} GB"
    where = f" in {resource.where}" if resource.where else ""
    return (
        f"{resource.kind}: {free} free{where}, {resource.needed_bytes / 1e9:.1f} GB "
        f"{resource.purpose}"
    )
