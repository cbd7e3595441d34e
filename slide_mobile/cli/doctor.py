"""slide-mobile doctor."""

from typing import TYPE_CHECKING

import click
from rich.console import Console

from slide_mobile.cli.session import Session, escape, verb

if TYPE_CHECKING:
    from slide_mobile.doctor import Diagnosis


@click.command()
@verb
def doctor(session: Session) -> None:
    """Say which targets this machine can convert to, and how to get the others."""
    from slide_mobile.doctor import diagnose

    found = diagnose()
    session.emit(found.to_json(), lambda console: _print(console, found))


def _print(console: Console, found: "Diagnosis") -> None:
    for toolchain in found.toolchains:
        console.print(f"{_mark(toolchain.ready)}  --to {toolchain.target}")
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


def _mark(ready: bool) -> str:
    return "[green]ready  [/]" if ready else "[yellow]missing[/]"
