"""A .mlpackage read back from disk."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slide_mobile.errors import ArtifactError
from slide_mobile_converters.coreml import package
from slide_mobile_converters.coreml.toolchain import mil_evaluator, quiet


def program(path: Path) -> Any:
    """The MIL program with its weights; raises ArtifactError for a damaged package."""
    with _artifact_errors(), quiet():
        return mil_evaluator.load(path)


def specification(path: Path) -> Any:
    """The protobuf that `program` is read from; raises ArtifactError for a damaged package."""
    with _artifact_errors():
        return mil_evaluator.specification(path)


def modules(path: Path) -> dict[str, str]:
    """Names of variables -> paths of the torch modules that they are the outputs of.

    Raises ArtifactError for a package that slide-mobile did not write, or a damaged one.
    """
    own = specification(path).description.metadata.userDefined
    if package.MODULES not in own:
        raise ArtifactError(f"{path} does not say which modules it holds; convert the model again")
    try:
        found = json.loads(own[package.MODULES])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ArtifactError(f"{path} has a damaged table of modules; convert the model again")
    return found


@contextmanager
def _artifact_errors() -> Iterator[None]:
    try:
        yield
    except mil_evaluator.UnsupportedProgram as error:
        raise ArtifactError(f"{error}; convert the model again") from error
