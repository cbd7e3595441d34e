"""One local attention in every form, on LiteRT and ExecuTorch.

    python -m benchmarks.attention [--runs 50] [--out benchmarks/results/attention.json]

Random weights; the published module is the one that the converters meet without our rewrites. Each
target and precision is one process's run of all forms in turn, one thread, medians.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.export import ExportedProgram

from benchmarks.attention_forms import FORMS, FormedAttention
from benchmarks.latency import interleaved
from benchmarks.machine import cpu
from slide_mobile.deploy.channels_first import ChannelsLastInside
from slide_mobile.export import INPUT, ImageModel
from slide_mobile.models.slide_attention import SlideAttention
from slide_mobile.parity import sqnr_db
from slide_mobile.recipes import RECIPES
from slide_mobile_converters.executorch import graph as executorch_graph
from slide_mobile_converters.executorch import lowering as executorch_lowering
from slide_mobile_converters.executorch import quantization as executorch_quantization
from slide_mobile_converters.executorch import running
from slide_mobile_converters.tflite import graph as tflite_graph
from slide_mobile_converters.tflite import lower as tflite_lower
from slide_mobile_converters.tflite import quantization as tflite_quantization

SHAPES = ((56, 56, 96, 3), (28, 28, 192, 6))  # H, W, C, heads: stages 1 and 2 of slide_swin_tiny
PRECISIONS = ("fp32", "int8")
CALIBRATION = 4
PUBLISHED, FLOOR = "published", "projections only"

Map = NDArray[np.float32]


class Projections(nn.Module):
    """q, k, v and proj without anything between: what no form can be faster than."""

    def __init__(self, formed: FormedAttention) -> None:
        super().__init__()
        self.qkv, self.proj = formed.qkv, formed.proj

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        q, k, v = (project(x) for project in self.qkv)
        return self.proj(q + k + v)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/attention.json"))
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for shape in SHAPES:
        for target in options.targets:
            for precision in PRECISIONS:
                rows += measure(shape, target, precision, runs=options.runs)
                for row in rows[-len(FORMS) - 2 :]:
                    Console(width=130).print(*row.values())
    document = {"environment": {"cpu": cpu(), "threads": 1, "runs": options.runs}, "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(
    shape: tuple[int, int, int, int], target: str, precision: str, *, runs: int
) -> list[dict[str, Any]]:
    """A row for each form that the target takes, the published module and the floor."""
    h, w, c, heads = shape
    torch.manual_seed(0)
    published = SlideAttention(c, heads).eval().requires_grad_(False)
    first = target == "executorch"
    x = torch.randn(CALIBRATION, h, w, c)
    expected = published(x[:1]).numpy()
    modules: dict[str, nn.Module] = {
        PUBLISHED: ChannelsLastInside(published) if first else published
    }
    for form in FORMS:
        modules[str(form)] = FormedAttention(published, form, channels_first=first)
    modules[FLOOR] = Projections(FormedAttention(published, FORMS[0], channels_first=first))
    maps = [(m.permute(2, 0, 1) if first else m)[None].contiguous() for m in x]
    build = _executorch if first else _tflite
    calls, rows = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, module in modules.items():
            # "NCHW": a map as it is, whichever way its channels lie.
            named = ImageModel(module, "NCHW").eval()
            program = torch.export.export(named, (), {INPUT: maps[0]})
            path = Path(folder, f"{len(rows)}.model")
            calls[name], facts = build(program, precision, maps, path)
            found = calls[name]()
            db = sqnr_db(expected, found.transpose(0, 2, 3, 1) if first else found)
            rows[name] = {
                "map": f"{h}x{w}x{c}, {heads} heads",
                "target": target,
                "precision": precision,
                "form": name,
                "sqnr_db": None if name == FLOOR else round(db, 1),
                **facts,
            }
        times = interleaved(calls, runs=runs)
    base = times[PUBLISHED].p50_ms
    return [
        row | {"p50_ms": t.p50_ms, "to_published": round(t.p50_ms / base, 3), "valid": t.valid}
        for row, t in zip(rows.values(), times.values(), strict=True)
    ]


def _tflite(
    program: ExportedProgram, precision: str, maps: list[Tensor], path: Path
) -> tuple[Callable[[], Map], Mapping[str, int]]:
    inputs = [m.numpy() for m in maps]
    model = tflite_lower(program)
    path.write_bytes(tflite_quantization.quantize(model, RECIPES[precision], inputs))
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(taken["index"], inputs[0])

    def run() -> Map:
        interpreter.invoke()
        found: Map = interpreter.get_tensor(given["index"])
        return found

    facts = tflite_graph.inspect(path)
    return run, {"partitions": facts.partitions, "outside": facts.total_ops - facts.delegated_ops}


def _executorch(
    program: ExportedProgram, precision: str, maps: list[Tensor], path: Path
) -> tuple[Callable[[], Map], Mapping[str, int]]:
    if precision == "int8":
        program = executorch_quantization.quantize(program, dynamic=False, calibration=maps)
    path.write_bytes(executorch_lowering.lower(program, {}))
    loaded = running.Loaded(path.read_bytes(), path, threads=1)

    def run() -> Map:
        (found,) = loaded(maps[0])
        return found.numpy()

    facts = executorch_graph.inspect(path)
    return run, {"partitions": facts.partitions, "outside": facts.total_ops - facts.delegated_ops}


if __name__ == "__main__":
    main()
