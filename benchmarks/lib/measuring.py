"""Build candidates, look into their files, and time them side by side.

A file is built and run once in a process of its own, so that one that fails costs one row. All
files of a target are then timed in turn in one process.
"""

import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import torch
from rich.console import Console

from benchmarks.lib.building import build, drawings, reference
from benchmarks.lib.gates import OURS, SWIN
from benchmarks.lib.isolation import alone, one_line
from benchmarks.lib.latency import Latency, interleaved
from benchmarks.lib.results.document import Row, read, save
from benchmarks.lib.results.files import Candidate, GraphForm, ModelFile, Refused, Timed
from slide_mobile import models
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.models.layers.slide_attention import Im2ColAttention, SlideAttention
from slide_mobile.models.meta import MetaInit
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.running import run
from slide_mobile.preprocess import IMAGENET, normalize, planar
from slide_mobile.targets import registry
from slide_mobile.tasks import LOGITS

MODELS = (OURS, SWIN, "im2col_swin_tiny")
TARGETS = ("tflite", "executorch")
PRECISIONS = ("fp32", "int8")
COMPARED_IMAGES = 4


class Note(Row, frozen=True, kw_only=True):
    """What was found in a file, or why there is none; kept beside it."""

    file: ModelFile | None = None
    refused: Refused | None = None


def candidates(
    names: Iterable[str], targets: Iterable[str], size: tuple[int, int] | None = None
) -> list[Candidate]:
    """Every form of the models in fp32 and int8, at each model's own size by default."""
    return [
        Candidate(
            model=model,
            form=form,
            target=target,
            precision=precision,
            size=size or models.spec(model).input_size,
        )
        for target in targets
        for model in names
        for form in forms(model)
        for precision in PRECISIONS
    ]


def forms(model: str) -> tuple[GraphForm, ...]:
    """The forms that a model has.

    The Im2Col attention has no deploy form, and a model without slide attention has no floor.
    """
    with MetaInit():
        parts = {type(part) for part in models.spec(model).build().modules()}
    if Im2ColAttention in parts:
        return ("published",)
    return ("published", "deploy", "floor") if SlideAttention in parts else ("published", "deploy")


def built_and_timed(
    wanted: Sequence[Candidate], folder: Path | None, *, threads: Iterable[int], runs: int
) -> tuple[tuple[Timed, ...], tuple[Refused, ...]]:
    """A row for each candidate and number of threads, and the candidates that failed.

    Files are kept in the folder and reused; without one they are thrown away.
    """
    with tempfile.TemporaryDirectory() as scratch:
        files = build_all(wanted, folder or Path(scratch))
        return measure(files, folder or Path(scratch), threads=threads, runs=runs)


def build_all(wanted: Sequence[Candidate], folder: Path) -> list[ModelFile | Refused]:
    """What is found in each candidate's file, or why there is none.

    Both are kept beside the file and reused: empty the folder after a change to the package or to
    a toolchain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    console, found = Console(stderr=True), []
    for number, candidate in enumerate(wanted, 1):
        console.print(f"{number}/{len(wanted)} {candidate.name}", highlight=False)
        found.append(_kept(candidate, folder) or _built(candidate, folder))
    return found


def _kept(candidate: Candidate, folder: Path) -> ModelFile | Refused | None:
    """What an earlier run found in a file, or why there was none."""
    path = candidate.path(folder)
    if not _note(path).exists():
        return None
    note = read(_note(path), Note)
    return note.refused or (note.file if path.exists() else None)


def _built(candidate: Candidate, folder: Path) -> ModelFile | Refused:
    """Build and examine a file in a process of its own, and keep what was found."""
    path = candidate.path(folder)
    done = alone(_made, candidate, path)
    error = done.exception()
    if error is None:
        save(_note(path), Note(file=done.result()))
        return done.result()
    refused = refusal_of(candidate, error)
    if not isinstance(error, BrokenProcessPool):  # killed, perhaps for memory: try again next time
        save(_note(path), Note(refused=refused))
    return refused


def _note(path: Path) -> Path:
    """Where the note about a file is kept."""
    return path.with_name(f"{path.name}.json")


def refusal_of(candidate: Candidate, error: BaseException) -> Refused:
    """A candidate with the error that ended it."""
    identity = {name: getattr(candidate, name) for name in Candidate.__struct_fields__}
    return Refused(**identity, error=one_line(error))


def _made(candidate: Candidate, path: Path) -> ModelFile:
    """What is in a candidate's file, which is built if it is not there."""
    if not path.exists():
        build(candidate, path)
    return examine(candidate, path)


def examine(candidate: Candidate, path: Path) -> ModelFile:
    """Size, delegation and SQNR of a candidate's file."""
    converter = registry.load(candidate.target)
    pixels = drawings(GOLDEN_SEED, COMPARED_IMAGES, candidate.size)
    logits = run(converter.runner(path, threads=1), pixels, "classify")[LOGITS]
    db = None
    if candidate.form != "floor":
        # The published graph takes pixels as they are; the deploy form normalises them itself.
        raw = np.concatenate([planar(image) for image in pixels])
        inputs = raw if candidate.form == "published" else normalize(pixels, IMAGENET)
        with torch.inference_mode():
            expected = reference(candidate)(torch.from_numpy(inputs)).numpy()
        db = round(sqnr_db(expected, logits), 1)
    graph = converter.inspect(path)
    return ModelFile(
        **msgspec.structs.asdict(candidate),
        sqnr_db=db,
        partitions=graph.partitions,
        delegated_ops=graph.delegated_ops,
        total_ops=graph.total_ops,
        size_bytes=path.stat().st_size,
    )


def measure(
    files: Sequence[ModelFile | Refused], folder: Path, *, threads: Iterable[int], runs: int
) -> tuple[tuple[Timed, ...], tuple[Refused, ...]]:
    """A row for each file and number of threads, and the files that failed."""
    refused = [file for file in files if isinstance(file, Refused)]
    working = [file for file in files if not isinstance(file, Refused)]
    rows: list[Timed] = []
    for target in dict.fromkeys(file.target for file in working):
        beside = [file for file in working if file.target == target]
        for count in threads:
            Console(stderr=True).print(f"{target}: {len(beside)} files, {count} threads")
            done = alone(latencies, beside, folder, count, runs)
            error = done.exception()
            if error is None:
                times = done.result()
                rows += [_timed(f, t, count) for f, t in zip(beside, times, strict=True)]
            else:
                refused += [refusal_of(file, error) for file in beside]
    return tuple(rows), tuple(dict.fromkeys(refused))


def latencies(files: Sequence[Candidate], folder: Path, threads: int, runs: int) -> list[Latency]:
    """The latency of each file; they run in turn."""
    calls = {}
    for file in files:
        runner = registry.load(file.target).runner(file.path(folder), threads=threads)
        (image,) = drawings(GOLDEN_SEED, 1, file.size)
        calls[file.name] = partial(runner, image)
    return list(interleaved(calls, runs=runs).values())


def _timed(file: ModelFile, latency: Latency, threads: int) -> Timed:
    """A file with its latency."""
    return Timed(
        **msgspec.structs.asdict(file),
        threads=threads,
        p50_ms=latency.p50_ms,
        p90_ms=latency.p90_ms,
        valid=latency.valid,
    )
