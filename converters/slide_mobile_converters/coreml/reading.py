"""Read a .mlpackage; every reader raises ArtifactError in one line for a damaged package."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mil_evaluator
from slide_mobile.errors import ArtifactError
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreml.metadata import MODULES


def program(path: Path) -> mil_evaluator.Program:
    """The MIL program with its weights."""
    with _readable(), quiet():
        return mil_evaluator.load(path)


def specification(path: Path) -> Any:
    """The specification (protobuf) of the package."""
    with _readable():
        return mil_evaluator.specification(path)


def modules(path: Path) -> dict[str, str]:
    """Module paths by the names of the variables that are their outputs.

    Raises ArtifactError for a package that slide-mobile did not write, too.
    """
    own = specification(path).description.metadata.userDefined
    if MODULES not in own:
        raise ArtifactError(f"{path} does not name its modules; convert the model again")
    try:
        found = json.loads(own[MODULES])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ArtifactError(f"{path} has a damaged table of modules; convert the model again")
    return found


@contextmanager
def runnable(path: Path) -> Iterator[None]:
    """Turn the errors of running a foreign or damaged package into an ArtifactError of one line.

    The evaluator raises ValueError for whatever it cannot compute, Core ML raises RuntimeError.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{path} cannot be run: {reason}; convert the model again") from error


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except mil_evaluator.UnsupportedProgram as error:
        raise ArtifactError(f"{error}; convert the model again") from error
