"""Every error that this package raises on purpose, and the exit code that each one means.

* SlideMobileError
  x UsageError            2  the call is wrong, or what it was given is
    x UnknownName         2  no model, target or precision has that name
    x CheckpointError     2  the file is not a checkpoint of that model
    x ArtifactError       2  the folder is not an artifact
    x OutputError         2  the result cannot be written to the requested place
  x GateFailed            1  parity, accuracy or integrity is below its floor
  x ToolchainMissing      3  a package that the converter needs is not installed, or is broken
  x EnvironmentMissing    3  the separate environment of a toolchain does not exist
  x NotInstalled          3  slide-mobile runs from a checkout and does not know what it needs

Each message is one line: what was wrong, what is possible, what to do. Ctrl-C is not an error of
this tree: it ends every command with INTERRUPTED.
"""

import difflib
from collections.abc import Iterable
from typing import Any

INTERRUPTED = 130  # what a shell reports for SIGINT
MOST_LISTED = 120  # characters of known names in one message


class SlideMobileError(Exception):
    """Base of every error raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy from process to process what was made, not how: constructors differ."""
        return _copied, (type(self), self.args), self.__dict__


def _copied(kind: type[SlideMobileError], arguments: tuple[object, ...]) -> SlideMobileError:
    """An error with the same message."""
    error = kind.__new__(kind)
    error.args = arguments
    return error


class UsageError(SlideMobileError):
    """The call is wrong, or a file that it was given is."""


class UnknownName(UsageError):
    """No model, target or precision has that name; the message lists the known or nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known, name = list(known), name[:80]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        listed = ", ".join(known)
        if len(listed) > MOST_LISTED:
            nearest = difflib.get_close_matches(name, known, n=4, cutoff=0)
            listed = f"{', '.join(nearest)} and {len(known) - len(nearest)} others"
        super().__init__(f"no {kind} is named {name!r}; {hint}known: {listed}")


class CheckpointError(UsageError):
    """The file cannot be read as a checkpoint, or belongs to another model."""


class ArtifactError(UsageError):
    """The folder is not an artifact, or this version cannot read it."""


class OutputError(UsageError):
    """The result cannot be written to the requested place."""


class GateFailed(SlideMobileError):
    """Parity, accuracy or integrity is below its floor."""

    exit_code = 1


class ToolchainMissing(SlideMobileError):
    """A package that the converter needs is not installed, or fails to import: `why`."""

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
    """The separate environment of a toolchain does not exist, or could not be made."""

    exit_code = 3


class NotInstalled(SlideMobileError):
    """slide-mobile runs from a checkout, so nothing says which packages its targets need."""

    exit_code = 3

    def __init__(self) -> None:
        super().__init__(
            "slide-mobile runs from a checkout and is not installed: pip install '.[all]'"
        )
