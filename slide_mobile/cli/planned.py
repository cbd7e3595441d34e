"""Commands of the contract that are not written yet; each says so and what there is."""

import click

from slide_mobile.cli.session import Session, verb
from slide_mobile.errors import UsageError

AVAILABLE = "convert, check, inspect, embed, models, doctor"


def _planned(name: str) -> click.Command:
    @click.command(name, hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("anything", nargs=-1)
    @verb
    def command(session: Session, anything: tuple[str, ...]) -> None:
        raise UsageError(f"not yet: {name}; available: {AVAILABLE}")

    return command


PLANNED = tuple(_planned(name) for name in ("bench", "report"))
