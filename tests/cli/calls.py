"""The command line, called in this process or as one of its own."""

import sys

from click.testing import CliRunner, Result

from slide_mobile.cli import main

CONVERT = ["convert", "slide_swin_test", "--to", "tflite", "--quiet"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "slide_mobile", *map(str, arguments)]
