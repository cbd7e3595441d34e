"""For mkdocs: writes every command's own --help into the page of commands, so that it is true."""

from typing import Any

import click

from slide_mobile.cli import main

MARK = "<!-- commands -->"
WIDTH = 88


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with its mark replaced; every other page as it is."""
    return markdown.replace(MARK, "\n\n".join(sections()))


def sections() -> list[str]:
    """A heading and the help of each command that is not hidden, in alphabetical order."""
    parent = click.Context(main, info_name="slide-mobile")
    return [
        f"## slide-mobile {name}\n\n```text\n{_help(command, parent, name)}\n```"
        for name, command in sorted(main.commands.items())
        if not command.hidden
    ]


def _help(command: click.Command, parent: click.Context, name: str) -> str:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    return command.get_help(context)
