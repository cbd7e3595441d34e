"""Processes of our own: another Python with this very package, whatever folder they start in."""

import os
import sys


def python(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command that runs a module, and its environment.

    It finds what is found here, and nothing of the current folder (-P): `python -m` would look
    there first, and a file of the user's called statistics.py is none of Python's.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-P", "-m", module, *arguments], environment
