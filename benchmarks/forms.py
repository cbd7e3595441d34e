"""Latency of the deploy form beside the published graph, on LiteRT with XNNPACK.

    python -m benchmarks.forms [--runs 30] [--threads 1] [--out benchmarks/results/forms.json]

Every file is built by the same converter: "published" is the reference model exported as it is
(normalised NCHW input), "deploy" is what `convert` ships. Int8 quantises the same operations in
both. One process, one file after another in turn, medians; a spread (p90 over median) above 10 %
is marked invalid. Only the ratios carry over to another machine. Random weights: SQNR is against
the same weights in PyTorch.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table
from torch import nn

from benchmarks.latency import interleaved
from benchmarks.machine import cpu
from slide_mobile import models
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED, render_many
from slide_mobile.deploy import deploy
from slide_mobile.export import ImageModel, export
from slide_mobile.parity import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile.recipes import RECIPES
from slide_mobile_converters.tflite import graph, lower
from slide_mobile_converters.tflite.quantization import quantize

MODELS = ("slide_swin_tiny", "swin_tiny", "im2col_swin_tiny")
PRECISIONS = ("fp32", "int8", "int8-dynamic")
BASELINE = ("swin_tiny", "published")
CALIBRATION_IMAGES, COMPARED_IMAGES = 8, 4


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file; `valid` is False where the machine was too noisy to say."""

    model: str
    form: str
    precision: str
    p50_ms: float
    p90_ms: float
    valid: bool
    sqnr_db: float
    partitions: int
    total_ops: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file on disk, with the inputs it takes."""

    model: str
    form: str
    precision: str
    path: Path
    inputs: NDArray[np.float32]  # (N, *input shape without the batch)
    expected: NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/forms.json"))
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        candidates = []
        for name in MODELS:
            console.print(f"build {name}")
            candidates += list(build(name, Path(folder)))
        console.print(f"measure {len(candidates)} files, {options.runs} runs each in turn")
        rows = measure(candidates, runs=options.runs, threads=options.threads)
    environment = {
        "machine": platform.machine(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": options.threads,
        "runs": options.runs,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    document = {"environment": environment, "rows": [asdict(row) for row in rows]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    Console(width=130).print(_table(rows))


def build(name: str, folder: Path) -> Iterator[Candidate]:
    """Both forms of a model in every precision."""
    size = models.spec(name).input_size
    reference = models.create(name).requires_grad_(False)
    calibration, _ = render_many(CALIBRATION_SEED, CALIBRATION_IMAGES, size[0])
    compared, _ = render_many(GOLDEN_SEED, COMPARED_IMAGES, size[0])
    with torch.no_grad():
        expected = reference(torch.from_numpy(normalize(compared, IMAGENET))).numpy()
    takes_pixels: Callable[[NDArray[np.uint8]], NDArray[np.float32]] = lambda x: x.astype("f4")  # noqa: E731
    takes_normalised: Callable[[NDArray[np.uint8]], NDArray[np.float32]] = lambda x: normalize(  # noqa: E731
        x, IMAGENET
    )
    forms = [("published", takes_normalised)]
    if name != "im2col_swin_tiny":  # a baseline: its attention has no deploy form
        forms.append(("deploy", takes_pixels))
    for form, prepare in forms:
        if form == "deploy":
            program = export(deploy(reference), size, "NHWC")
        else:
            program = _published(reference, size)
        model = lower(program)
        for precision in PRECISIONS:
            path = folder / f"{name}-{form}-{precision}.tflite"
            inputs = list(prepare(calibration)[:, None])
            path.write_bytes(quantize(model, RECIPES[precision], inputs))
            yield Candidate(
                model=name,
                form=form,
                precision=precision,
                path=path,
                inputs=prepare(compared),
                expected=expected,
            )


def measure(candidates: list[Candidate], *, runs: int, threads: int) -> list[Row]:
    """Run the files in turn, so that a drift of the machine touches all alike."""
    interpreters = [Interpreter(str(c.path), num_threads=threads) for c in candidates]
    outputs: list[list[NDArray[np.float32]]] = []
    for candidate, interpreter in zip(candidates, interpreters, strict=True):
        interpreter.allocate_tensors()
        outputs.append([_invoke(interpreter, image) for image in candidate.inputs])
    calls = {str(c.path): i.invoke for c, i in zip(candidates, interpreters, strict=True)}
    times = interleaved(calls, runs=runs)
    rows = []
    for candidate, found in zip(candidates, outputs, strict=True):
        facts, latency = graph.inspect(candidate.path), times[str(candidate.path)]
        rows.append(
            Row(
                model=candidate.model,
                form=candidate.form,
                precision=candidate.precision,
                p50_ms=latency.p50_ms,
                p90_ms=latency.p90_ms,
                valid=latency.valid,
                sqnr_db=round(sqnr_db(candidate.expected, np.stack(found)), 1),
                partitions=facts.partitions,
                total_ops=facts.total_ops,
                size_bytes=candidate.path.stat().st_size,
            )
        )
    return rows


def _published(reference: nn.Module, size: tuple[int, int]) -> torch.export.ExportedProgram:
    example = {"image": torch.zeros(1, 3, *size)}
    return torch.export.export(ImageModel(reference, "NCHW").eval(), (), example)


def _invoke(interpreter: Interpreter, image: NDArray[np.float32]) -> NDArray[np.float32]:
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(taken["index"], image[None])
    interpreter.invoke()
    logits: NDArray[np.float32] = interpreter.get_tensor(given["index"])[0].copy()
    return logits


def _table(rows: list[Row]) -> Table:
    table = Table(*(Column(name, no_wrap=True) for name in ("model", "form", "precision")))
    for header in ("ms", "/ published", "/ Swin-T", "SQNR dB", "partitions", "ops", "MB"):
        table.add_column(header, justify="right")
    ms = {(r.model, r.form, r.precision): r.p50_ms for r in rows}
    for r in rows:
        table.add_row(
            r.model,
            r.form,
            r.precision,
            f"{r.p50_ms:.1f}" + ("" if r.valid else " invalid"),
            f"{r.p50_ms / ms[r.model, 'published', r.precision]:.2f}",
            f"{r.p50_ms / ms[(*BASELINE, r.precision)]:.2f}",
            f"{r.sqnr_db:.1f}",
            str(r.partitions),
            str(r.total_ops),
            f"{r.size_bytes / 1e6:.1f}",
        )
    return table


if __name__ == "__main__":
    main()
