"""A target in memory: the converter protocol without a toolchain.

Its model file names a deploy form that this process keeps, and the error it is to make. So
`convert`, `check`, mixed precision and refusals are tested in milliseconds, with real folders.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from slide_mobile.artifact.manifest import Graph
from slide_mobile.errors import ArtifactError
from slide_mobile.parity import layerwise
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Request, Runner
from slide_mobile.targets.profiles import RUNS, NoProfiler, OperationTime
from slide_mobile.tasks import LOGITS, STAGES, Layout

Layers = frozenset[str]


def no_error(recipe: Recipe, float_modules: Layers) -> float:
    """Decibels of a file whose error is as far below its floor as its recipe aims for."""
    return recipe.goal_sqnr_db


@dataclass(kw_only=True)
class FakeConverter:
    """A converter whose files have the SQNR that `decibels` says.

    `written` lists the requests in the order in which files were written.
    """

    decibels: Callable[[Recipe, Layers], float] = no_error
    half_decibels: float | None = None  # where the rounding executor disagrees with the runtime
    max_rank: int = 4
    wrong: tuple[str, ...] = ()
    before_writing: Callable[[Path], None] = lambda path: None
    written: list[Request] = field(default_factory=list)
    forms: dict[bytes, nn.Module] = field(default_factory=dict)
    outputs: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    SUFFIX = ".fake"
    RUNTIME = ("Fake", "slide-mobile")
    LAYOUT: Layout = "NCHW"
    BACKENDS: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"memory": ("fp32", "fp16", "int8", "int8-dynamic")}
    )
    EXPORTERS: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"direct": ("torch",)})
    MAX_RANK = 4

    def input_dtype(self, recipe: Recipe) -> str:
        """Type of the image input."""
        return "float32"

    def output_dtype(self, recipe: Recipe) -> str:
        """Type of the outputs."""
        return "float32"

    def convert(self, program: Any, request: Request, path: Path) -> None:
        """Write a file that stands for the program's deploy form."""
        self.before_writing(path)
        self.written.append(request)
        modules = sorted(request.float_modules)
        content = {
            "number": len(self.forms),
            "decibels": self.decibels(request.recipe, frozenset(modules)),
            "precision": request.recipe.name,
        }
        path.write_text(json.dumps(content))
        self.forms[path.read_bytes()] = program
        self.outputs[path.read_bytes()] = request.outputs

    def _form(self, path: Path) -> tuple[nn.Module, float]:
        content = path.read_bytes()
        if content not in self.forms:
            raise ArtifactError(f"{path} is not a fake model file")
        return self.forms[content], json.loads(content)["decibels"]

    def runner(self, path: Path, *, threads: int | None = None) -> Runner:
        """Run the deploy form, and add the error that the file names."""
        return self._runner(path, self._form(path)[1], "Fake, in memory")

    def half_runner(self, path: Path) -> Runner:
        """The same, or with the error that `half_decibels` says."""
        if self.half_decibels is None:
            return self.runner(path)
        return self._runner(path, self.half_decibels, "Fake, rounded to fp16")

    def _runner(self, path: Path, decibels: float, runtime: str) -> Runner:
        form, _ = self._form(path)

        @torch.no_grad()
        def call(image: Pixels) -> Mapping[str, NDArray[Any]]:
            found = form(torch.from_numpy(planar(image)))
            rows = [x.numpy() for x in (found if isinstance(found, tuple) else (found,))]
            usual = STAGES if isinstance(found, tuple) else (LOGITS,)
            names = self.outputs.get(path.read_bytes(), usual)
            return {n: with_error(x, decibels) for n, x in zip(names, rows, strict=True)}

        return Runner(call=call, runtime=runtime, layout=self.LAYOUT)

    def inspect(self, path: Path) -> Graph:
        """State a graph of one operation."""
        self._form(path)
        return Graph(
            ops={"FAKE": 1}, max_rank=self.max_rank, partitions=1, delegated_ops=1, total_ops=1,
            int8_mac_fraction=0.0,
        )  # fmt: skip

    def precision(self, path: Path) -> str:
        """The precision that the file names."""
        self._form(path)
        return str(json.loads(path.read_bytes())["precision"])

    def misread(self, path: Path) -> Sequence[str]:
        """Name the operations that the test names."""
        return self.wrong

    def profile(
        self, path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
    ) -> Sequence[OperationTime]:
        """Refuse: nothing here measures."""
        raise NoProfiler("the fake runtime has no profiler")

    def activations(self, path: Path, image: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the deploy form's dense modules, each with the file's error."""
        form, decibels = self._form(path)
        found = layerwise.activations(form, image)
        return {name: with_error(x, decibels) for name, x in found.items()}

    def ranges(self, path: Path) -> Mapping[str, tuple[float, float]]:
        """No ranges: nothing is quantised."""
        return {}


def with_error(x: NDArray[np.float32], decibels: float) -> NDArray[np.float32]:
    """The same values with a fixed error of that SQNR."""
    noise = np.random.default_rng(0).normal(size=x.shape)
    scale = np.sqrt(np.square(x).sum() / np.square(noise).sum()) * 10 ** (-decibels / 20)
    return (x + scale * noise).astype(np.float32)


def install(monkeypatch: Any, converter: FakeConverter) -> None:
    """Make the target "fake" known, and leave out torch's exporter, which takes seconds."""
    from slide_mobile.parity import own, reference
    from slide_mobile.targets import registry

    load, names = registry.load, registry.names
    monkeypatch.setattr(registry, "names", lambda: sorted([*names(), "fake"]))
    monkeypatch.setattr(
        registry,
        "load",
        lambda target, **how: converter if target == "fake" else load(target, **how),
    )
    monkeypatch.setattr(reference, "export", lambda deployed, size, layout: deployed)
    monkeypatch.setattr(own, "exported", lambda deployed, size, names, measure: deployed)
    monkeypatch.setattr(own, "high_ranks", lambda program: {})
