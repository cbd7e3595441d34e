"""Everything this package raises on purpose, and the exit code each one means.

* SlideMobileError
  x UsageError            2  the call is wrong, bad input included
    x UnknownName         2  no model, target or precision of that name
    x CheckpointError     2  the file is not a checkpoint of that model
    x ArtifactError       2  the folder is not an artifact
    x OutputError         2  the result cannot be written where it was asked for
  x GateFailed            1  parity, accuracy or integrity is below its floor
  x ToolchainMissing      3  the converter's optional dependency is not installed, or broken
  x EnvironmentMissing    3  a toolchain's own environment is not there
  x NotInstalled          3  slide-mobile runs from a folder, and cannot say what it needs

The messages are one line: what was wrong, what is possible, what to do. Ctrl-C is no error of
this list: it ends every command with INTERRUPTED.
"""

import difflib
from collections.abc import Iterable

INTERRUPTED = 130  # what a shell reports for SIGINT


class SlideMobileError(Exception):
    """Base of every deliberate error; `exit_code` is what the command line returns."""

    exit_code = 2


class UsageError(SlideMobileError):
    """The call is wrong, or what it was given is."""


class UnknownName(UsageError):
    """No model, target or precision of that name; suggests the closest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        super().__init__(f"no {kind} named {name!r}; {hint}known: {', '.join(known)}")


class CheckpointError(UsageError):
    """The file cannot be read as a checkpoint, or belongs to another model."""


class ArtifactError(UsageError):
    """The folder is not an artifact, or not one that this version can read."""


class OutputError(UsageError):
    """The result cannot be written where it was asked for."""


class GateFailed(SlideMobileError):
    """A floor was missed: parity, accuracy or integrity."""

    exit_code = 1


class ToolchainMissing(SlideMobileError):
    """A converter's optional dependency is absent, or there and cannot be imported: `why`."""

    exit_code = 3

    def __init__(self, target: str, package: str, why: str = "") -> None:
        message = (
            f"target {target!r} needs {package}, which is not installed: "
            f"pip install 'slide-mobile[{target}]'"
        )
        if why:
            message = (
                f"target {target!r} needs {package}, which cannot be loaded "
                f"({' '.join(why.split())}): pip install 'slide-mobile[{target}]'"
            )
        super().__init__(message)


class EnvironmentMissing(SlideMobileError):
    """A toolchain that lives in an environment of its own is absent, or could not be made."""

    exit_code = 3


class NotInstalled(SlideMobileError):
    """slide-mobile runs from a checkout: nothing says which packages its targets need."""

    exit_code = 3

    def __init__(self) -> None:
        super().__init__(
            "slide-mobile runs from its folder and is not installed: pip install '.[all]'"
        )
