"""One local attention in every form, on LiteRT and ExecuTorch.

    python -m benchmarks.attention [--runs 50] [--out benchmarks/results/attention.json]

Random weights; the published module is the one that the converters meet without our rewrites. Each
target and precision is one process's run of all forms in turn, one thread, medians.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from benchmarks.attention_forms import FORMS, FormedAttention
from benchmarks.floor import Projections
from benchmarks.latency import interleaved
from benchmarks.modules import prepare
from benchmarks.whole import environment, save
from slide_mobile.bench.host import renounce_tiles
from slide_mobile.deploy.channels_first import ChannelsLastInside
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.parity.metrics import sqnr_db

SHAPES = ((56, 56, 96, 3), (28, 28, 192, 6))  # H, W, C, heads: stages 1 and 2 of slide_swin_tiny
PRECISIONS = ("fp32", "int8")
CALIBRATION = 4
PUBLISHED, FLOOR = "published", "projections only"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/attention.json"))
    options = parser.parse_args()
    renounce_tiles()
    rows: list[Row] = []
    for shape in SHAPES:
        for target in options.targets:
            for row in measure(shape, target, runs=options.runs):
                Console(width=130).print(*row.values())
                rows.append(row)
    where = environment(options.targets, threads=1, runs=options.runs)
    save(options.out, environment=where, rows=rows)


def measure(shape: tuple[int, int, int, int], target: str, *, runs: int) -> Iterator[Row]:
    """A row for each precision and form, the published module and the floor among them."""
    h, w, c, heads = shape
    torch.manual_seed(0)
    published = SlideAttention(c, heads).eval().requires_grad_(False)
    first = target == "executorch"
    x = torch.randn(CALIBRATION, h, w, c)
    expected = published(x[:1]).numpy()
    maps = [(m.permute(2, 0, 1) if first else m)[None].contiguous() for m in x]
    modules: dict[str, nn.Module] = {
        PUBLISHED: ChannelsLastInside(published) if first else published
    }
    for form in FORMS:
        modules[str(form)] = FormedAttention(published, form, channels_first=first)
    bare = FormedAttention(published, FORMS[0], channels_first=first)
    modules[FLOOR] = Projections(*bare.qkv, bare.proj)
    builds = {name: prepare(target, module, maps) for name, module in modules.items()}
    for precision in PRECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            built = {
                name: build(precision, Path(folder, f"{number}.model"))
                for number, (name, build) in enumerate(builds.items())
            }
            outputs = {name: run() for name, (run, _) in built.items()}
            times = interleaved({name: run for name, (run, _) in built.items()}, runs=runs)
        for name, (_, facts) in built.items():
            found = outputs[name].transpose(0, 2, 3, 1) if first else outputs[name]
            yield {
                "map": f"{h}x{w}x{c}, {heads} heads",
                "target": target,
                "precision": precision,
                "form": name,
                "sqnr_db": None if name == FLOOR else round(sqnr_db(expected, found), 1),
                **facts,
                "p50_ms": times[name].p50_ms,
                "to_published": round(times[name].p50_ms / times[PUBLISHED].p50_ms, 3),
                "valid": times[name].valid,
            }


if __name__ == "__main__":
    main()
