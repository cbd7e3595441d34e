"""A group of commands whose help gives each one's whole first sentence."""

import click


class Group(click.Group):
    """As click's, but it wraps a sentence that click would cut off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List all commands that are not hidden."""
        shown = [(name, command) for name, command in self.commands.items() if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=1000)) for name, command in shown]
            )
