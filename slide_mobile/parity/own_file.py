"""A network of the user from a Python file, FILE.py:FUNCTION; this runs the user's own code."""

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from slide_mobile.errors import UsageError
from slide_mobile.parity.own import UNIT, OwnModel
from slide_mobile.preprocess import Normalization

_PLACE = re.compile(r"(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)")


def is_place(text: str) -> bool:
    """Whether a text names a function in a Python file, such as net.py:build."""
    return _PLACE.fullmatch(text) is not None


def load(
    place: str,
    *,
    input_size: tuple[int, int] | None = None,
    normalization: Normalization | None = None,
) -> OwnModel:
    """Run a file, call its function, and return the network that it makes, in eval mode.

    The function takes no arguments, and returns a torch module or (module, example). `input_size`
    is (height, width) in pixels where there is no example. Raises UsageError in one line for
    whatever is wrong with the file.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UsageError(f"{place} is not FILE.py:FUNCTION; the function makes the network")
    module, example = _made(place, _function(Path(match["file"]), match["function"]))
    if input_size is not None:
        example = torch.zeros(1, 3, *input_size)
    if example is None:
        raise UsageError(
            f"{place} returns no example: give --input-size, or return (module, example)"
        )
    return OwnModel(
        module=module.eval(),
        example=example,
        normalization=normalization or UNIT,
        source=place,
    )


def _made(place: str, function: Callable[[], Any]) -> tuple[nn.Module, Tensor | None]:
    """What the function makes, a module or (module, example)."""
    try:
        found = function()
    except Exception as error:  # of the user's own code
        raise UsageError(f"{place} raised {type(error).__name__}: {_line(error)}") from error
    module, example = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    if not isinstance(module, nn.Module) or not isinstance(example, Tensor | None):
        raise UsageError(
            f"{place} returns {type(found).__name__}: return a torch module, or (module, example) "
            "with a tensor (1, 3, H, W)"
        )
    return module, example


def _function(path: Path, name: str) -> Callable[[], Any]:
    """A function of a file, which is run with its folder on the import path, as Python does."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}; give FILE.py:FUNCTION")
    found = getattr(_run(path), name, None)
    if not callable(found):
        raise UsageError(f"{path} has no function {name}; it is to make the network")
    function: Callable[[], Any] = found
    return function


def _run(path: Path) -> ModuleType:
    """Run a file as a module of its name."""
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # pickles and dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of the user's own code
        raise UsageError(f"{path} raised {type(error).__name__}: {_line(error)}") from error
    return module


def _line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:200] or "no reason given"
