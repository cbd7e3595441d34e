"""The converters: what one defines, and how one is found without importing its toolchain."""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import slide_mobile_converters
from slide_mobile import environments
from slide_mobile.artifact import Graph
from slide_mobile.errors import ToolchainMissing, UnknownName
from slide_mobile.preprocess import Pixels
from slide_mobile.profiles import OperationTime
from slide_mobile.recipes import Recipe, lookup
from slide_mobile.tasks import LOGITS, Layout, Outputs, Task, channels_last

if TYPE_CHECKING:  # importing slide_mobile must not import torch
    from torch.export import ExportedProgram

Logits = NDArray[np.float32]  # (num_classes,)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to convert an exported program to, by names that the converter has.

    `calibration` holds images at input size and is empty where the recipe needs none. `labels` are
    those of the task "classify", whose only output the logits are, and empty for others. `title`,
    `description`, `version` and `facts` go into the file's own metadata where the format has such.
    `float_modules` are paths in the deploy form: modules that a quantised format would take, and
    that stay in float.
    """

    recipe: Recipe
    backend: str
    via: str
    labels: tuple[str, ...]
    title: str
    description: str
    version: str
    facts: Mapping[str, str]
    calibration: Sequence[Pixels] = ()
    float_modules: Collection[str] = ()
    task: Task = "classify"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A loaded model file; `runtime` says what executes it here.

    `call` gives the file's outputs by name, batch included, its maps in the file's `layout`.
    `bind` prepares the input and returns the inference alone, to be timed; None where nothing here
    runs the file, which then has no latency.
    """

    call: Callable[[Pixels], Mapping[str, NDArray[Any]]]
    runtime: str
    layout: Layout
    bind: Callable[[Pixels], Callable[[], object]] | None = None

    def __call__(self, image: Pixels) -> Logits:
        """(H, W, 3) bytes -> (num_classes,), of a classifier."""
        return self.outputs(image)[LOGITS][0]

    def outputs(self, image: Pixels) -> Outputs:
        """(H, W, 3) bytes -> logits (1, num_classes), or maps (1, H, W, C), by name."""
        return {
            name: np.asarray(channels_last(x, self.layout), np.float32)
            for name, x in self.call(image).items()
        }


class Converter(Protocol):
    """What a converter file defines at module level."""

    @property
    def SUFFIX(self) -> str:
        """Of the model file, with its dot."""

    @property
    def RUNTIME(self) -> tuple[str, str]:
        """What runs the file, as measurements call it, and the distribution that it comes in."""

    @property
    def LAYOUT(self) -> Layout:
        """Of the image input, and of the maps of the deploy form."""

    @property
    def BACKENDS(self) -> Mapping[str, tuple[str, ...]]:
        """To precisions it can honour; the default ones first."""

    @property
    def ROADS(self) -> Mapping[str, tuple[str, ...]]:
        """Into the file, to distributions that touch it then; the default one first."""

    @property
    def MAX_RANK(self) -> int:
        """Of a tensor, beyond which its accelerators refuse the graph."""

    def input_dtype(self, recipe: Recipe) -> Literal["float32", "float16", "uint8"]:
        """Of the file's image input."""

    def output_dtype(self, recipe: Recipe) -> Literal["float32", "float16"]:
        """Of the file's outputs."""

    def convert(self, program: "ExportedProgram", request: Request, path: Path) -> None:
        """Write the model file; raises ValueError for float modules that it would not quantise."""

    def runner(self, path: Path, *, threads: int | None = None) -> Runner:
        """Load the model file on the closest thing to its runtime that this machine has.

        `threads` is how many it may use where it can be told, a thread a core if None.
        """

    def inspect(self, path: Path) -> Graph:
        """State what the written file holds."""

    def profile(
        self, path: Path, image: Pixels, *, runs: int = 20, threads: int = 1
    ) -> Sequence[OperationTime]:
        """Time each operation, by its median; raises NoProfiler if the runtime does not say."""

    def activations(self, path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the convolutions and linears in the file, by module path, for one image."""

    def ranges(self, path: Path) -> Mapping[str, tuple[float, float]]:
        """(lowest, highest) that their int8 outputs can hold, as calibrated, by module path."""


def names() -> list[str]:
    """Targets present, found without importing any toolchain."""
    return sorted(m.name for m in pkgutil.iter_modules(slide_mobile_converters.__path__))


def load(target: str) -> Converter:
    """Import one converter; raises UnknownName, ToolchainMissing."""
    if target not in names():
        raise UnknownName("target", target, names())
    return cast(Converter, part(target))


def part(target: str, name: str = "") -> Any:
    """Import a converter's module, ".name" below it or itself; raises ToolchainMissing."""
    try:
        return importlib.import_module(f"slide_mobile_converters.{target}{name}")
    except (ImportError, OSError) as error:
        package = getattr(error, "name", None) or target
        if package.startswith("slide_mobile"):
            raise  # a bug of ours, not a missing toolchain
        absent = isinstance(error, ModuleNotFoundError)
        raise ToolchainMissing(target, package, "" if absent else str(error)) from error


def choose(
    target: str,
    converter: Converter,
    *,
    backend: str | None,
    precision: str | None,
    via: str | None,
) -> tuple[str, Recipe, str]:
    """Backend, recipe and road: those asked for, else the target's first; raises UnknownName."""
    backend = _one_of(target, "backend", backend, tuple(converter.BACKENDS))
    road = _one_of(target, "road", via, tuple(converter.ROADS))
    known = converter.BACKENDS[backend]
    where = target + (f" on {backend}" if len(converter.BACKENDS) > 1 else "")
    return backend, lookup(_one_of(where, "precision", precision, known)), road


def _one_of(where: str, kind: str, name: str | None, known: tuple[str, ...]) -> str:
    if name is None:
        return known[0]
    if name not in known:
        raise UnknownName(f"{kind} of {where}", name, known)
    return name


def require_found(float_modules: Collection[str], quantised: Collection[str]) -> None:
    """Raise ValueError if one of the modules is not among those that would be quantised."""
    if unknown := sorted(set(float_modules) - set(quantised)):
        raise ValueError(f"to stay in float, but nothing would quantise them: {', '.join(unknown)}")


def toolchain(converter: Converter, via: str) -> dict[str, str]:
    """Versions of every package that touches the file on this road."""
    return {name: _version(name) for name in sorted(converter.ROADS[via])}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return environments.pin(name)  # it runs in an environment of its own
