"""Child processes that run another Python with this very package, in whatever folder they start."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)  # loaded here, because nothing can be loaded after a fork


def python(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a module, and the environment to run it in.

    The child imports from the same places as this process, and never from the current folder (-P):
    `python -m` would look there first, and take a user's statistics.py for Python's own.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-P", "-m", module, *arguments], environment


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


# For `preexec_fn`: the child is killed when this process ends, however it ends. Linux only.
WITH_US = _die_with_parent if sys.platform == "linux" else None
