"""The converters: what one defines, and how one is found without importing its toolchain."""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import slide_mobile_converters
from slide_mobile.artifact import Graph
from slide_mobile.errors import ToolchainMissing, UnknownName, UsageError
from slide_mobile.preprocess import Pixels
from slide_mobile.recipes import Recipe

if TYPE_CHECKING:  # importing slide_mobile must not import torch
    from torch.export import ExportedProgram

# Answer for targets that are designed but have no converter file yet.
PLANNED = ("coreml", "executorch", "onnx")

Logits = NDArray[np.float32]  # (num_classes,)
Runner = Callable[[Pixels], Logits]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to convert an exported program to.

    `calibration` holds images at input size and is empty where the recipe needs none. `title` and
    `description` go into the file's own metadata where the format has such.
    """

    recipe: Recipe
    backend: str
    labels: tuple[str, ...]
    title: str
    description: str
    version: str
    calibration: Sequence[Pixels] = ()


class Converter(Protocol):
    """What a converter file defines at module level."""

    SUFFIX: str  # of the model file, with its dot
    LAYOUT: Literal["NHWC", "NCHW"]  # of the image input
    RECIPES: frozenset[str]  # names it can honour
    BACKENDS: tuple[str, ...]  # the default first
    MAX_RANK: int  # of a tensor, beyond which its accelerators refuse the graph
    PACKAGES: tuple[str, ...]  # distributions that touch the file, for the manifest

    def convert(self, program: "ExportedProgram", request: Request, path: Path) -> None:
        """Write the model file."""

    def runner(self, path: Path) -> Runner:
        """Load the model file on this machine's real runtime, for the parity check."""

    def inspect(self, path: Path) -> Graph:
        """State what the written file holds."""

    def activations(self, path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the convolutions and linears in the file, by module path, for one image."""


def names() -> list[str]:
    """Targets present, found without importing any toolchain."""
    return sorted(m.name for m in pkgutil.iter_modules(slide_mobile_converters.__path__))


def load(target: str) -> Converter:
    """Import one converter; raises UnknownName, ToolchainMissing."""
    if target in PLANNED and target not in names():
        raise UsageError(f"not yet: target {target!r}; available: {', '.join(names())}")
    if target not in names():
        raise UnknownName("target", target, names())
    try:
        module: Any = importlib.import_module(f"slide_mobile_converters.{target}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("slide_mobile"):
            raise  # a bug of ours, not a missing toolchain
        raise ToolchainMissing(target, error.name or target) from error
    return cast(Converter, module)


def choose_backend(target: str, converter: Converter, backend: str | None) -> str:
    """The backend asked for, or the target's default; raises UsageError."""
    if backend is None:
        return converter.BACKENDS[0]
    if backend not in converter.BACKENDS:
        raise UsageError(
            f"target {target!r} has no backend {backend!r}; it has {', '.join(converter.BACKENDS)}"
        )
    return backend


def require_recipe(target: str, converter: Converter, recipe: Recipe) -> None:
    """Raise UsageError unless the converter can honour the recipe."""
    if recipe.name not in converter.RECIPES:
        raise UsageError(
            f"target {target!r} has no precision {recipe.name!r}; "
            f"it has {', '.join(sorted(converter.RECIPES))}"
        )


def toolchain(converter: Converter) -> dict[str, str]:
    """Versions of every package that touches the file."""
    return {name: importlib.metadata.version(name) for name in sorted(converter.PACKAGES)}
