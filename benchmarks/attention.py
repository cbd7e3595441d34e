"""One local attention in every form, on LiteRT and ExecuTorch.

    python -m benchmarks.attention [--maps 56x56x96x3 28x28x192x6] [--targets T ...]
        [--precisions fp32 int8] [--runs 50] [--out benchmarks/results/attention.json]

Random weights. "published" is the module without our rewrites, "projections only" a lower bound.
All forms of a target and precision are timed in turn in one process, one thread, medians.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.lib.arguments import parser
from benchmarks.lib.attention_forms import FORMS, formed
from benchmarks.lib.floor import floor
from benchmarks.lib.latency import interleaved
from benchmarks.lib.map_modules import Map, built
from benchmarks.lib.results import attention
from benchmarks.lib.results.attention import AttentionRow
from benchmarks.lib.results.document import environment, save
from slide_mobile.bench import amx
from slide_mobile.deploy.channels_first import turn
from slide_mobile.deploy.forms import Shape
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry
from slide_mobile.tasks import Layout

MAPS = (  # stages 1 and 2 of slide_swin_tiny
    Shape(height=56, width=56, dim=96, heads=3),
    Shape(height=28, width=28, dim=192, heads=6),
)
CALIBRATION_MAPS = 4
PUBLISHED, FLOOR = "published", "projections only"


def main() -> None:
    """Measure every map on every target, and save."""
    arguments = parser(__doc__, out="attention.json", runs=50)
    arguments.add_argument("--maps", nargs="+", type=shape, default=MAPS, metavar="HxWxCxHEADS")
    arguments.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    arguments.add_argument("--precisions", nargs="+", default=("fp32", "int8"))
    options = arguments.parse_args()
    amx.renounce()
    rows = [
        row
        for size in options.maps
        for target in options.targets
        for precision in options.precisions
        for row in measure(size, target, precision, runs=options.runs)
    ]
    where = environment(options.targets, threads=1, runs=options.runs)
    result = attention.Attentions(environment=where, rows=tuple(rows))
    save(options.out, result)
    print(attention.tables(result))


def shape(text: str) -> Shape:
    """A map such as 56x56x96x3: height, width, channels and heads."""
    try:
        height, width, dim, heads = map(int, text.split("x"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 56x56x96x3") from error
    return Shape(height=height, width=width, dim=dim, heads=heads)


def measure(size: Shape, target: str, precision: str, *, runs: int) -> Iterator[AttentionRow]:
    """A row for each form, the published module and the floor included."""
    torch.manual_seed(0)
    published = SlideAttention(size.dim, size.heads).eval().requires_grad_(False)
    maps = drawn(size)
    expected = published(torch.from_numpy(maps[:1])).numpy()
    forms = in_every_form(published, registry.load(target).LAYOUT)
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: built(
                module, list(maps), Path(folder, f"{i}.model"), target=target, precision=precision
            )
            for i, (name, module) in enumerate(forms.items())
        }
        times = interleaved({name: file.call for name, file in files.items()}, runs=runs)
    for name, file in files.items():
        db = None if name == FLOOR else round(sqnr_db(expected, file.output), 1)
        yield AttentionRow(
            map=f"{size.height}x{size.width}x{size.dim}, {size.heads} heads",
            target=target,
            precision=precision,
            form=name,
            sqnr_db=db,
            partitions=file.partitions,
            outside=file.outside,
            p50_ms=times[name].p50_ms,
            to_published=round(times[name].p50_ms / times[PUBLISHED].p50_ms, 3),
            valid=times[name].valid,
        )


def drawn(size: Shape) -> Map:
    """Random maps to calibrate with; the first is the one that is timed."""
    draw = np.random.default_rng(0)
    return draw.standard_normal((CALIBRATION_MAPS, size.height, size.width, size.dim), np.float32)


def in_every_form(published: SlideAttention, layout: Layout) -> dict[str, nn.Module]:
    """The attention as published, in each form, and without its core, by name."""
    stock = turn(published) if layout == "NCHW" else published
    tried = {str(form): formed(published, form, layout) for form in FORMS}
    return {PUBLISHED: stock, **tried, FLOOR: floor(formed(published, FORMS[0], layout))}


if __name__ == "__main__":
    main()
