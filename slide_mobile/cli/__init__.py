"""The command line: parse, call one verb, print.

Exit codes: 0 done and passed, 1 a gate failed, 2 the call is wrong, 3 the environment lacks
something; 70 an internal error, 130 interrupted.
"""

import click

from slide_mobile import __version__
from slide_mobile.cli.bench import bench
from slide_mobile.cli.check import check
from slide_mobile.cli.convert import convert
from slide_mobile.cli.doctor import doctor
from slide_mobile.cli.embed import embed
from slide_mobile.cli.inspect import inspect
from slide_mobile.cli.models import models
from slide_mobile.cli.release import release
from slide_mobile.cli.report import report


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="slide-mobile")
def main() -> None:
    r"""Slide-Transformer vision models, from a PyTorch checkpoint to a phone.

    \b
    slide-mobile convert --to tflite --int8     convert the bundled demo model
    slide-mobile check ARTIFACT                 prove it against PyTorch again
    slide-mobile inspect ARTIFACT               what the written file holds
    slide-mobile bench ARTIFACT...              how fast, and whether to believe it
    slide-mobile embed ARTIFACT --app DIR       put it into an app
    slide-mobile release FILE.toml              a matrix of all that, as a gate
    """


for command in (convert, check, inspect, bench, report, embed, release, models, doctor):
    main.add_command(command)
