"""Processes of our own: another Python with this very package, whatever folder they start in."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)  # before a fork, where nothing can be loaded


def python(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command that runs a module, and its environment.

    It finds what is found here, and nothing of the current folder (-P): `python -m` would look
    there first, and a file of the user's called statistics.py is none of Python's.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-P", "-m", module, *arguments], environment


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


# For `preexec_fn`: a process that is killed with us, however we end. Only Linux can.
WITH_US = _die_with_parent if sys.platform == "linux" else None
