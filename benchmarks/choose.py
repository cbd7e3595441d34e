"""Measure the forms of each stage, and write the table from which `convert` chooses.

    python -m benchmarks.choose [--targets T ...] [--runs 40] [--out slide_mobile/deploy/forms.json]

The stages of the demo and of slide_swin_tiny, random weights, without their patch merging: the
blocks around the attention are part of the measurement, because what they leave in the cache is.
All forms of a stage run in turn, one thread, medians. Another form than the plain one is chosen
where it is faster by more than noise. Core ML and ONNX are not here: Core ML does not run on this
kind of machine, and ONNX Runtime's layouts are its own; both get the plain form.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from benchmarks.latency import Latency, interleaved
from benchmarks.machine import cpu
from benchmarks.modules import prepare
from slide_mobile import models, targets
from slide_mobile.deploy import deploy
from slide_mobile.deploy.forms import TABLE, Attention, Form, Forms, Shape
from slide_mobile.models.slide_attention import SlideAttention
from slide_mobile.models.slide_swin import SwinTransformer

MODELS = ("slide_swin_demo", "slide_swin_tiny")
FORMS: dict[Attention, tuple[Form, ...]] = {
    "slide": (
        Form(),
        Form(spread="broadcast"),
        Form(strips=4),  # a concat of more leaves TFLite's delegate
        Form(spread="broadcast", strips=4),
    ),
    "window": (Form(), Form(tokens="matrix")),
}
MARGIN = 1.03  # a form must beat the plain one by more than this
CALIBRATION = 4
# A convolution quantised dynamically behind the stage would be lowered wrongly
# (executorch/rewrites.py), so int8-dynamic keeps its maps.
REFUSED = {("executorch", "int8-dynamic", "matrix")}

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of a model, and what its form is looked up by."""

    model: str
    number: int
    attention: Attention
    shape: Shape


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    console = Console(stderr=True)
    rows: list[Row] = []
    for model in MODELS:
        for target in options.targets:
            for stage in stages(model, target):
                console.print(f"{target} {stage.attention} {stage.shape}")
                for row in measure(target, stage, runs=options.runs):
                    console.print(row["precision"], row["form"])
                    rows.append(row)
    rows.sort(key=lambda row: (row["target"], row["precision"]))  # stable
    environment = {"cpu": cpu(), "threads": 1, "runs": options.runs}
    document = {"environment": environment, "rows": rows}
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def stages(model: str, target: str) -> Iterator[Stage]:
    """The stages of a model that have a form to choose on this target."""
    layout = targets.load(target).LAYOUT
    reference = models.create(model)
    assert isinstance(reference, SwinTransformer)
    for number, published in enumerate(reference.layers):
        attn = published.get_submodule("blocks.0.attn")
        slide = isinstance(attn, SlideAttention)
        if slide or layout == "NCHW":
            side = reference.input_size[0] // 4 >> number
            assert isinstance(attn.dim, int) and isinstance(attn.num_heads, int)
            yield Stage(
                model=model,
                number=number,
                attention="slide" if slide else "window",
                shape=Shape(height=side, width=side, dim=attn.dim, heads=attn.num_heads),
            )


def measure(target: str, stage: Stage, *, runs: int) -> Iterator[Row]:
    """A row of the table for each precision of the target."""
    builds = {
        form: prepare(target, *staged(target, stage, form)) for form in FORMS[stage.attention]
    }
    for precision in targets.load(target).BACKENDS["xnnpack"]:
        with tempfile.TemporaryDirectory() as folder:
            built = {
                form: build(precision, Path(folder, f"{number}.model"))
                for number, (form, build) in enumerate(builds.items())
                if (target, precision, form.tokens) not in REFUSED
            }
            times = interleaved({form: run for form, (run, _) in built.items()}, runs=runs)
        yield {
            "target": target,
            "precision": precision,
            "attention": stage.attention,
            "shape": asdict(stage.shape),
            "form": asdict(fastest(times)),
            "measured": [
                {"form": asdict(form), **vars(times[form]), **facts}
                for form, (_, facts) in built.items()
            ],
        }


def fastest(times: dict[Form, Latency]) -> Form:
    """The plain form unless another is faster by more than noise."""
    best = min(times, key=lambda form: times[form].p50_ms)
    return best if times[best].p50_ms * MARGIN < times[Form()].p50_ms else Form()


def staged(target: str, stage: Stage, form: Form) -> tuple[nn.Module, list[Tensor]]:
    """A stage in the deploy form, without its patch merging, and maps for it."""
    torch.manual_seed(0)
    at, layout = stage.shape, targets.load(target).LAYOUT
    forms = Forms(((stage.attention, at, form),))
    deployed = deploy(models.create(stage.model), layout=layout, forms=forms)
    module = deployed.get_submodule(f"layers.{stage.number}")
    module.downsample = None
    size = (
        (1, at.dim, at.height, at.width) if layout == "NCHW" else (1, at.height, at.width, at.dim)
    )
    return module, [torch.randn(size) for _ in range(CALIBRATION)]


if __name__ == "__main__":
    main()
