"""A hook of mkdocs that writes the --help of every command into the page of commands."""

import click

from slide_mobile.cli import main

MARK = "<!-- commands -->"
WIDTH = 88


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the mark on the page of commands; other pages stay as they are."""
    return markdown.replace(MARK, "\n\n".join(sections()))


def sections() -> list[str]:
    """Give a heading and the help of each command, in alphabetical order, except hidden ones."""
    parent = click.Context(main, info_name="slide-mobile")
    return [
        f"## slide-mobile {name}\n\n```text\n{_help(command, parent, name)}\n```"
        for name, command in sorted(main.commands.items())
        if not command.hidden
    ]


def _help(command: click.Command, parent: click.Context, name: str) -> str:
    """Give the help of one command, WIDTH characters wide."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    return command.get_help(context)
