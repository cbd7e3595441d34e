"""slide-mobile doctor."""

from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import Session, escape, verb

if TYPE_CHECKING:
    from slide_mobile.doctor.diagnosis import Diagnosis
    from slide_mobile.doctor.resources import Resource

EXAMPLES = """
\b
Examples:
  slide-mobile doctor
  slide-mobile doctor --json | jq -r '.toolchains[] | select(.ready | not) | .command'
"""


@click.command(epilog=EXAMPLES)
@verb
def doctor(session: Session) -> None:
    """Say what this machine can do, what goes wrong on it, and the one command for each lack.

    Toolchains with their versions, and what each makes possible here; what is installed and does
    not go together; memory and disk against what a conversion takes; and combinations of formats
    and runtimes that are known to disappoint.
    """
    from slide_mobile.doctor.diagnosis import diagnose

    found = diagnose()
    session.emit(found.to_json(), lambda console: _print(console, found))


def _print(console: Console, found: "Diagnosis") -> None:
    for toolchain in found.toolchains:
        console.print(f"{_mark(toolchain.ready)}  --to {toolchain.target}: {toolchain.possible}")
        for package in toolchain.packages:
            version = package.installed or "not installed"
            wanted = "" if package.fits else f"  (wanted {escape(package.wanted)})"
            console.print(f"           {package.name} {version}{wanted}")
        if not toolchain.ready:
            console.print(f"           [bold]{escape(toolchain.command)}[/]")
    for environment in found.environments:
        console.print(f"{_mark(environment.ready)}  {environment.name}: {environment.purpose}")
        if not environment.ready:
            console.print(f"           [bold]{escape(environment.command)}[/]")
    for conflict in found.conflicts:
        console.print(f"[red]clash  [/]  {escape(conflict.what)}")
        console.print(f"           [bold]{escape(conflict.command)}[/]")
    for resource in found.resources:
        mark = "[green]enough [/]" if resource.enough else "[yellow]short  [/]"
        console.print(f"{mark}  {escape(_sizes(resource))}")
        if not resource.enough:
            console.print(f"           [bold]{escape(resource.command)}[/]")
    if found.known_bad:
        console.print("known to disappoint:")
    for row in found.known_bad:
        console.print(f"  {escape(row.combination)}")
        console.print(f"           {escape(row.consequence)}")
        console.print(f"           instead: {escape(row.instead)}")


def _mark(ready: bool) -> str:
    return "[green]ready  [/]" if ready else "[yellow]missing[/]"


def _sizes(resource: "Resource") -> str:
    free = "unknown" if resource.free_bytes is None else f"{resource.free_bytes / 1e9:.1f} GB"
    where = f" in {resource.where}" if resource.where else ""
    return (
        f"{resource.kind}: {free} free{where}, {resource.needed_bytes / 1e9:.1f} GB "
        f"{resource.purpose}"
    )
