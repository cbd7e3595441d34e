"""A hook of mkdocs that writes the --help of every command into the page of commands."""

from collections.abc import Iterator

import click

from slide_mobile.cli import main

MARK = "<!-- commands -->"
WIDTH = 88


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the mark on the page of commands; other pages stay as they are."""
    return markdown.replace(MARK, "\n\n".join(sections()))


def sections() -> list[str]:
    """Give a heading and the help of each command, in alphabetical order, except hidden ones."""
    return list(_sections(main, click.Context(main, info_name="slide-mobile")))


def _sections(group: click.Group, parent: click.Context) -> Iterator[str]:
    """Give the sections of a group's commands, and of theirs."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        context = _context(command, parent, name)
        help_text = command.get_help(context)
        yield f"## {context.command_path}\n\n```text\n{help_text}\n```"
        if isinstance(command, click.Group):
            yield from _sections(command, context)


def _context(command: click.Command, parent: click.Context, name: str) -> click.Context:
    """Give the context in which the help of a command is WIDTH characters wide."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)
