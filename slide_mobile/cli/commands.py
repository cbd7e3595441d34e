"""The program `slide-mobile`: all commands, and the help that lists them."""

import click

from slide_mobile import __version__
from slide_mobile.cli.bench import bench
from slide_mobile.cli.check import check
from slide_mobile.cli.convert import convert
from slide_mobile.cli.doctor import doctor
from slide_mobile.cli.embed import embed
from slide_mobile.cli.group import Group
from slide_mobile.cli.inspect import inspect
from slide_mobile.cli.lab import lab
from slide_mobile.cli.models import models
from slide_mobile.cli.predict import predict
from slide_mobile.cli.release import release
from slide_mobile.cli.report import report
from slide_mobile.cli.sign import sign, verify
from slide_mobile.cli.web import web

EXAMPLES = """
\b
Examples:
  slide-mobile convert --to tflite --int8    convert the bundled demo model
  slide-mobile check ARTIFACT                compare it with PyTorch again
  slide-mobile inspect ARTIFACT              show what the file contains
  slide-mobile predict ARTIFACT IMAGE...     run it on your own images
  slide-mobile lab ARTIFACT...               run it as a phone would
  slide-mobile bench ARTIFACT...             measure how fast it runs here
  slide-mobile web ARTIFACT... --out DIR     measure it in any browser
  slide-mobile embed ARTIFACT --app DIR      copy it into an app
"""


class Interrupted(BaseException):
    """Ctrl-C, before a command could say so."""


class Commands(Group):
    """The program's commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but --json alone lacks a command, and is not an unknown option."""
        if args == ["--json"]:
            raise click.UsageError("Missing command.", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """As click does, but Ctrl-C before a command has begun is an Interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # click would print an empty line
            raise Interrupted from error


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="slide-mobile")
@click.pass_context
def main(context: click.Context) -> None:
    """Convert Slide-Transformer vision models from PyTorch to files that phones run.

    `slide-mobile COMMAND --help` explains a command and gives examples.
    """
    if context.invoked_subcommand is None:  # as git and cargo do: the help, and a wrong call
        click.echo(context.get_help())
        context.exit(2)


for command in (
    convert, check, inspect, predict, lab, bench, web, report, sign, verify, embed, release, models,
    doctor,
):  # fmt: skip
    main.add_command(command)
