"""Whole models side by side on LiteRT and ExecuTorch, both with XNNPACK, and the gates they meet.

    python -m benchmarks.whole [--models M ...] [--targets T ...] [--threads 1 2] [--runs 30]
        [--files DIR] [--out benchmarks/results/whole.json]

Every file is built by the converter that `convert` uses: "published" is the reference graph as it
is, on raw pixels, "deploy" what `convert` ships, "floor" that without attention core and norms.
Random weights: SQNR is against the same weights in PyTorch, on the same pixels. A file is built and
run once in a process of its own, so that one that fails costs one row. All files of a target are
then timed in turn in one process, medians; a spread (p90 over median) above 10 % is marked invalid.
Only the ratios carry over to another machine, and not all of them. XNNPACK gets no AMX, which
phones have not, unless --tiles is given (slide_mobile/machine.py). --files keeps what was built,
what was found in it and what was refused, and takes what is there as it is: after a change to the
package or to a toolchain, start with an empty folder.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks import provenance
from benchmarks.floor import floor
from benchmarks.gates import OURS, SWIN, Form, Row, judged
from benchmarks.latency import Latency, interleaved
from slide_mobile import models, recipes
from slide_mobile._version import __version__
from slide_mobile.bench.host import cpu, renounce_tiles, tiles
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import chosen
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.models.layers.slide_attention import Im2ColAttention, SlideAttention
from slide_mobile.models.meta import MetaInit
from slide_mobile.parity import images
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize, planar
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request
from slide_mobile.tasks import Layout

ROOT = Path(__file__).parent.parent
MODELS = (OURS, SWIN, "im2col_swin_tiny")
TARGETS = ("tflite", "executorch")
PRECISIONS = ("fp32", "int8")
CALIBRATION_IMAGES, COMPARED_IMAGES = 8, 4

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file to build; `size` is (height, width) of its input in pixels."""

    model: str
    form: Form
    target: str
    precision: str
    size: tuple[int, int]

    @property
    def name(self) -> str:
        """Its file's, without suffix."""
        side = f"{self.size[0]}x{self.size[1]}"
        return f"{self.model}-{self.form}-{self.target}-{self.precision}-{side}"

    def path(self, folder: Path) -> Path:
        """Where its file is kept in a folder of files."""
        return folder / f"{self.name}{registry.load(self.target).SUFFIX}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, help="the first is ours")
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--files", type=Path, help="keep the files here, and use those there are")
    parser.add_argument("--tiles", action="store_true", help="with AMX, where there is any")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/whole.json"))
    options = parser.parse_args()
    if not options.tiles:
        renounce_tiles()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch)
        files = build_all(candidates(options.models, options.targets), folder)
        rows = measure(files, folder, threads=options.threads, runs=options.runs)
    gates = judged(rows, ours=options.models[0])
    save(
        options.out,
        environment=environment(options.targets, runs=options.runs),
        gates=gates,
        rows=rows,
    )
    for table in (_table(rows), _gates_table(gates)):
        Console(width=140).print(table)


def candidates(
    names: Iterable[str], to: Iterable[str], size: tuple[int, int] | None = None
) -> list[Candidate]:
    """Every form of the models in fp32 and int8, at the models' own size by default."""
    return [
        Candidate(
            model=model,
            form=form,
            target=target,
            precision=precision,
            size=size or models.spec(model).input_size,
        )
        for target in to
        for model in names
        for form in forms(model)
        for precision in PRECISIONS
    ]


def forms(model: str) -> tuple[Form, ...]:
    """Those that a model has: Im2Col's attention has no deploy form, Swin none to strip."""
    with MetaInit():
        parts = {type(part) for part in models.spec(model).build().modules()}
    if Im2ColAttention in parts:
        return ("published",)
    return ("published", "deploy", "floor") if SlideAttention in parts else ("published", "deploy")


def build_all(wanted: Sequence[Candidate], folder: Path) -> dict[Candidate, Row]:
    """What `examine` finds in each file, or the `error` for which there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    console, found = Console(stderr=True), {}
    for i, candidate in enumerate(wanted, 1):
        console.print(f"{i}/{len(wanted)} {candidate.name}", highlight=False)
        path = candidate.path(folder)
        facts = path.with_name(f"{path.name}.json")
        row = _kept(facts, path)
        if row is None:
            done = alone(_made, candidate, path)
            error = done.exception()
            row = done.result() if error is None else {"error": told(error)}
            if not isinstance(error, BrokenProcessPool):  # killed: for memory, perhaps
                save(facts, **row)
        found[candidate] = row
    return found


def _kept(facts: Path, path: Path) -> Row | None:
    """What an earlier run found in a file, or why there is none."""
    if not facts.exists():
        return None
    row: Row = json.loads(facts.read_text(encoding="utf-8"))
    return row if "error" in row or path.exists() else None


def alone(function: Callable[..., T], *arguments: object) -> Future[T]:
    """A function's outcome in a fresh process of its own; one that dies is an exception too."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments)  # leaving the pool waits for it


def told(error: BaseException) -> str:
    """An error in a line, without where this checkout lies."""
    text = " ".join(str(error).replace(f"{ROOT}/", "").split())
    return f"{type(error).__name__}: {text[:300]}"


def _made(candidate: Candidate, path: Path) -> Row:
    if not path.exists():
        build(candidate, path)
    return examine(candidate, path)


def build(candidate: Candidate, path: Path) -> None:
    """Write a candidate's file, whole or not at all."""
    converter, spec = registry.load(candidate.target), models.spec(candidate.model)
    recipe = recipes.lookup(candidate.precision)
    request = Request(
        recipe=recipe,
        backend=next(iter(converter.BACKENDS)),
        via=next(iter(converter.ROADS)),
        labels=tuple(f"class {i}" for i in range(spec.num_classes)),
        title=candidate.model,
        description=candidate.form,
        version=__version__,
        facts={},
        calibration=tuple(
            drawings(CALIBRATION_SEED, CALIBRATION_IMAGES, candidate.size)
            if recipe.needs_calibration
            else ()
        ),
    )
    model = formed(candidate, converter.LAYOUT)
    part = path.with_name(f"{path.name}.part")
    converter.convert(export(model, candidate.size, converter.LAYOUT), request, part)
    part.replace(path)


def formed(candidate: Candidate, layout: Layout) -> nn.Module:
    """The PyTorch module that a candidate is exported from; takes (1, 3, H, W) in 0..255."""
    reference = _reference(candidate)
    if candidate.form == "published":
        return reference
    table = chosen(candidate.target, "xnnpack", candidate.precision)
    deployed = deploy(reference, layout=layout, forms=table)
    return floor(deployed) if candidate.form == "floor" else deployed


def _reference(candidate: Candidate) -> nn.Module:
    return models.create(candidate.model, input_size=candidate.size).requires_grad_(False)


def drawings(seed: int, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(count, H, W, 3) bytes."""
    return images.rendered(seed, count, size, source="", stage="").pixels


def examine(candidate: Candidate, path: Path) -> Row:
    """Size and delegation of a file, and its SQNR against PyTorch (the floor has none)."""
    converter, pixels = (
        registry.load(candidate.target),
        drawings(GOLDEN_SEED, COMPARED_IMAGES, candidate.size),
    )
    runner = converter.runner(path, threads=1)
    found = np.stack([runner(image).copy() for image in pixels])
    if candidate.form == "published":
        maps = np.concatenate([planar(image) for image in pixels])
    else:
        maps = normalize(pixels, IMAGENET)
    db = None
    if candidate.form != "floor":
        with torch.inference_mode():
            expected = _reference(candidate)(torch.from_numpy(maps)).numpy()
        db = round(sqnr_db(expected, found), 1)
    graph = converter.inspect(path)
    return {
        "sqnr_db": db,
        "partitions": graph.partitions,
        "delegated_ops": graph.delegated_ops,
        "total_ops": graph.total_ops,
        "size_bytes": path.stat().st_size,
    }


def measure(
    files: Mapping[Candidate, Row], folder: Path, *, threads: Iterable[int], runs: int
) -> list[Row]:
    """A row for each file and number of threads; for a file that failed, one with its error."""
    rows = [asdict(c) | facts for c, facts in files.items() if "error" in facts]
    working = {c: facts for c, facts in files.items() if "error" not in facts}
    for target in dict.fromkeys(c.target for c in working):
        paths = {c: c.path(folder) for c in working if c.target == target}
        for count in threads:
            Console(stderr=True).print(f"{target}: {len(paths)} files, {count} threads")
            done = alone(latencies, paths, count, runs)
            error = done.exception()
            for c in paths:
                row = asdict(c) | working[c] | {"threads": count}
                if error is None:
                    taken = done.result()[c.name]
                    row |= asdict(taken) | {"valid": taken.valid}
                rows.append(row if error is None else row | {"error": told(error)})
    return rows


def latencies(paths: Mapping[Candidate, Path], threads: int, runs: int) -> dict[str, Latency]:
    """Latency of each file, by the candidates' names; the files run in turn."""
    calls = {}
    for candidate, path in paths.items():
        runner = registry.load(candidate.target).runner(path, threads=threads)
        (image,) = drawings(GOLDEN_SEED, 1, candidate.size)
        calls[candidate.name] = partial(runner, image)
    return interleaved(calls, runs=runs)


def environment(used: Iterable[str], **settings: object) -> Row:
    """What a measurement was made on and with."""
    versions: dict[str, str] = {}
    for converter in map(registry.load, used):
        versions |= registry.toolchain(converter, next(iter(converter.ROADS)))
    return {
        "machine": platform.machine(),
        "cpu": cpu(),
        "tiles": tiles(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "toolchain": dict(sorted(versions.items())),
        provenance.FORMS: provenance.sha256(),
        **settings,
    }


def save(path: Path, **document: object) -> None:
    """Write a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def _table(rows: Iterable[Row]) -> Table:
    table = Table("target", "model", "form", "precision")
    for header in ("threads", "p50 ms", "p90 ms", "SQNR dB", "partitions", "inside / all", "MB"):
        table.add_column(header, justify="right")
    for r in rows:
        name = [r["target"], r["model"], r["form"], r["precision"]]
        if "error" in r:
            table.add_row(*name, str(r.get("threads", "")), r["error"])
            continue
        table.add_row(
            *name,
            str(r["threads"]),
            f"{r['p50_ms']:.1f}" + ("" if r["valid"] else " invalid"),
            f"{r['p90_ms']:.1f}",
            "" if r["sqnr_db"] is None else f"{r['sqnr_db']:.1f}",
            str(r["partitions"]),
            f"{r['delegated_ops']} / {r['total_ops']}",
            f"{r['size_bytes'] / 1e6:.1f}",
        )
    return table


def _gates_table(gates: Iterable[Row]) -> Table:
    table = Table("target", "gate", "measured", "at most", "goal", "verdict")
    for g in gates:
        table.add_row(
            g["target"], g["name"], *(f"{g[key]:g}" for key in ("measured", "gate", "goal")),
            g["verdict"],
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
