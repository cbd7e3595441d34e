"""A .mlpackage read back from disk."""

import json
from pathlib import Path
from typing import Any

from slide_mobile.errors import ArtifactError
from slide_mobile_converters.coreml import package
from slide_mobile_converters.coreml.toolchain import mil_evaluator, quiet


def program(path: Path) -> Any:
    """The MIL program with its weights; raises ArtifactError for a damaged package."""
    try:
        with quiet():
            return mil_evaluator.load(path)
    except mil_evaluator.UnsupportedProgram as error:
        raise ArtifactError(f"{error}; convert the model again") from error


def modules(path: Path) -> dict[str, str]:
    """Names of variables -> paths of the torch modules that they are the outputs of.

    Raises ArtifactError for a package that slide-mobile did not write.
    """
    own = package.specification(path).description.metadata.userDefined
    if package.MODULES not in own:
        raise ArtifactError(f"{path} does not say which modules it holds; convert the model again")
    found: dict[str, str] = json.loads(own[package.MODULES])
    return found
