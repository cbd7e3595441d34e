"""Measure the forms of each stage, and write the table from which `convert` chooses.

    python -m benchmarks.choose [--models M ...] [--targets T ...] [--precisions P ...] [--runs 40]
        [--out slide_mobile/deploy/forms.json]

The stages of the demo, of slide_swin_tiny and of the families' small models, random weights: the
blocks around the attention are part of the measurement, because what they leave in the cache is.
All forms of a stage run in turn, one thread, medians; rows that are in the file already, were
valid (spreads within 10 %) and have every form are kept. Another form than the plain one is chosen
where it is faster by more than noise. Core ML and ONNX are not here: Core ML does not run on this
kind of machine, and ONNX Runtime's layouts are its own; both get the plain form.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from benchmarks import provenance
from benchmarks.latency import MAX_SPREAD, interleaved
from benchmarks.modules import prepare
from benchmarks.whole import environment, save
from slide_mobile import models
from slide_mobile.bench.host import renounce_tiles
from slide_mobile.deploy.forms import TABLE, Attention, Form, Forms, Shape
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.models.layers.backbone import Backbone, NestedBackbone
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.parity.reference import DEMO
from slide_mobile.targets import registry

MODELS = (DEMO, "slide_swin_tiny", "slide_pvt_tiny", "slide_nat_mini")
BACKEND = "xnnpack"
FORMS: dict[Attention, tuple[Form, ...]] = {
    "slide": (
        Form(),
        Form(head_broadcast="broadcast"),
        Form(strips=4),  # a concat of more leaves TFLite's delegate
        Form(head_broadcast="broadcast", strips=4),
        Form(head_sum="sum", head_broadcast="broadcast"),
        Form(head_sum="sum", head_broadcast="broadcast", strips=4),
    ),
    "window": (Form(), Form(tokens="matrix")),
}
MARGIN = 1.03  # a form must beat the plain one by more than this
JITTER_MS = 0.2  # of a clock tick or a context switch, which is more than 10 % of a small stage
CALIBRATION = 4
# A convolution quantised dynamically behind the stage would be lowered wrongly
# (executorch/rewrites.py), so int8-dynamic keeps its maps.
REFUSED = {("executorch", "int8-dynamic", "matrix")}
NO_SUMS = {"executorch"}  # its partitioner leaves them outside the delegate (1.4)

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A stage of a model, and what its form is looked up by."""

    model: str
    number: int
    attention: Attention
    shape: Shape

    def facts(self, target: str, precision: str) -> Row:
        """What a row of the table is found by."""
        return {
            "target": target,
            "backend": BACKEND,
            "precision": precision,
            "attention": self.attention,
            "shape": asdict(self.shape),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--targets", nargs="+", default=("tflite", "executorch"))
    parser.add_argument("--precisions", nargs="+", help="all of a target by default")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--force", action="store_true", help="measure valid rows again too")
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    renounce_tiles()
    console = Console(stderr=True)
    rows: dict[tuple[str, ...], Row] = {}
    if options.out.exists():
        found = json.loads(options.out.read_text(encoding="utf-8"))["rows"]
        rows = {_key(row): row for row in found}
    kept = {k for k, row in rows.items() if is_valid(row["measured"]) and is_complete(row)}
    for model in options.models:
        for target in options.targets:
            precisions = options.precisions or registry.load(target).BACKENDS[BACKEND]
            for stage in stages(model, target):
                keys = {p: _key(stage.facts(target, p)) for p in precisions}
                missing = [p for p, key in keys.items() if options.force or key not in kept]
                if not missing:
                    continue
                console.print(f"{target} {stage.attention} {stage.shape}")
                for row in measure(target, stage, missing, runs=options.runs):
                    console.print(row["precision"], row["form"], is_valid(row["measured"]))
                    rows[_key(row)] = row
                    save_rows(options.out, list(rows.values()), runs=options.runs)


def save_rows(path: Path, rows: list[Row], *, runs: int) -> None:
    rows.sort(key=lambda r: (r["target"], r["precision"], r["attention"], r["shape"]["dim"]))
    used = dict.fromkeys(row["target"] for row in rows)
    where = environment(used, threads=1, runs=runs)
    del where[provenance.FORMS]  # it is this very table
    save(path, environment=where, rows=rows)


def is_valid(measured: Sequence[Row]) -> bool:
    """Whether the machine was quiet enough to compare the plain form with the best."""
    return all(
        m["p90_ms"] <= max(MAX_SPREAD * m["p50_ms"], m["p50_ms"] + JITTER_MS)
        for m in compared(measured)
    )


def compared(measured: Sequence[Row]) -> tuple[Row, Row]:
    """The plain form, the first, and the fastest of those that delegates take as well as it.

    One that splits the delegate, or leaves more operations out of it, is none.
    """
    plain, *_ = measured
    delegated = ("partitions", "outside")
    whole = [m for m in measured if all(m[key] <= plain[key] for key in delegated)]
    return plain, min(whole, key=lambda m: m["p50_ms"])


def is_complete(row: Row) -> bool:
    """Whether every form was measured that this attention has in this precision."""
    measured = {Form(**m["form"]) for m in row["measured"]}
    return measured == set(_candidates(row["target"], row["precision"], row["attention"]))


def _candidates(target: str, precision: str, attention: Attention) -> list[Form]:
    return [
        form
        for form in FORMS[attention]
        if (target, precision, form.tokens) not in REFUSED
        and not (form.head_sum == "sum" and target in NO_SUMS)
    ]


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("target", "precision", "attention", "shape"))


def stages(model: str, target: str) -> Iterator[Site]:
    """The stages of a model that have a form to choose on this target."""
    layout = registry.load(target).LAYOUT
    reference = models.create(model)
    assert isinstance(reference, Backbone)
    for number, part in enumerate(reference.stages()):
        attn = reference.get_submodule(f"{part.blocks}.0.attn")
        height, width = reference.map_size(number)
        if isinstance(attn, SlideAttention):
            attention: Attention = "slide"
        elif isinstance(attn, WindowAttention) and layout == "NCHW":
            attention = "window"
        else:
            continue
        shape = Shape(height=height, width=width, dim=attn.dim, heads=attn.num_heads)
        yield Site(model=model, number=number, attention=attention, shape=shape)


def measure(target: str, stage: Site, precisions: Sequence[str], *, runs: int) -> Iterator[Row]:
    """A row of the table for each of these precisions."""
    builds = {
        form: prepare(target, *staged(target, stage, form)) for form in FORMS[stage.attention]
    }
    for precision in precisions:
        with tempfile.TemporaryDirectory() as folder:
            built = {
                form: builds[form](precision, Path(folder, f"{number}.model"))
                for number, form in enumerate(_candidates(target, precision, stage.attention))
            }
            times = interleaved({form: run for form, (run, _) in built.items()}, runs=runs)
        measured = [
            {"form": asdict(form), **vars(times[form]), **facts}
            for form, (_, facts) in built.items()
        ]
        yield stage.facts(target, precision) | {"form": choice(measured), "measured": measured}


def choice(measured: Sequence[Row]) -> Row:
    """The plain form, unless another is faster by more than noise."""
    plain, best = compared(measured)
    faster = is_valid(measured) and best["p50_ms"] * MARGIN < plain["p50_ms"]
    form: Row = (best if faster else plain)["form"]
    return form


def staged(target: str, stage: Site, form: Form) -> tuple[nn.Module, list[Tensor]]:
    """The blocks of a stage in the deploy form, and maps for them."""
    torch.manual_seed(0)
    at, layout = stage.shape, registry.load(target).LAYOUT
    forms = Forms(((stage.attention, at, form),))
    deployed = deploy(models.create(stage.model), layout=layout, forms=forms)
    assert isinstance(deployed, Backbone)
    module = Blocks(deployed, stage.number)
    size = (
        (1, at.dim, at.height, at.width) if layout == "NCHW" else (1, at.height, at.width, at.dim)
    )
    return module, [torch.randn(size) for _ in range(CALIBRATION)]


class Blocks(nn.Module):
    """Those of a stage of a network."""

    def __init__(self, network: Backbone, number: int) -> None:
        super().__init__()
        if isinstance(network, NestedBackbone):  # some forms take the place of a whole Stage
            self.stage = network.get_submodule(f"{network.LEVELS}.{number}")
            self.stage.downsample = None
        else:
            self.stage = network.get_submodule(network.stages()[number].blocks)

    def forward(self, x: Tensor) -> Tensor:
        """A map -> a map of the same shape."""
        found: Tensor | tuple[Tensor, Tensor] = self.stage(x)
        return found[0] if isinstance(found, tuple) else found


if __name__ == "__main__":
    main()
