"""What each dense module costs in int8, where it alone is in int8, beside its share of the work.

    python -m benchmarks.sensitivity [--models slide_swin_demo slide_swin_tiny]
        [--out benchmarks/results/sensitivity.json]

In PyTorch, on the deploy form for TFLite; the bundled demo is trained, any other model has random
weights. A module that is cheap to compute and dear in dB is the first that `convert --int8` gives
back to float. "Together" adds the errors' powers up: what a file of all of them should reach, if
they are independent.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.whole import environment, save
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED
from slide_mobile.deploy.forms import chosen
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.models import census
from slide_mobile.parity import datasets, reference
from slide_mobile.parity.layerwise import activations, dense
from slide_mobile.parity.reference import Reference
from slide_mobile.pipeline import mixed_precision, sensitivity
from slide_mobile.preprocess import IMAGENET, Pixels
from slide_mobile.progress import silent
from slide_mobile.targets import registry

TARGET = "tflite"
MODELS = (reference.DEMO, "slide_swin_tiny")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One module; `macs_share`, in 0..1, of all multiply-adds of the model.

    `in_int8` says whether an int8 file has it so: the thin ones stay float.
    """

    model: str
    module: str
    sqnr_db: float
    macs_share: float
    in_int8: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sensitivity.json"))
    options = parser.parse_args()
    console = Console(width=100)
    rows: list[Row] = []
    for name in options.models:
        found = list(measure(name))
        console.print(_table(name, found))
        rows += found
    where = environment(
        [TARGET],
        target=TARGET,
        calibration_images=mixed_precision.CALIBRATION_SAMPLES,
        compared_images=mixed_precision.SAMPLES,
    )
    save(
        options.out,
        environment=where,
        together_db={name: together_db(rows, name) for name in options.models},
        rows=[asdict(row) for row in rows],
    )


def measure(name: str) -> Iterator[Row]:
    """Every dense module of a model, the most sensitive first."""
    untrained = name != reference.DEMO
    ref = reference.load(name, normalization=IMAGENET, untrained=untrained)
    converter = registry.load(TARGET)
    deployed = deploy(
        ref.model,
        normalization=IMAGENET,
        layout=converter.LAYOUT,
        forms=chosen(TARGET, "xnnpack", "int8"),
    )
    compared = drawn(ref, GOLDEN_SEED, mixed_precision.SAMPLES)
    ranking = sensitivity.measure(
        deployed,
        list(dense(deployed)),
        calibration=drawn(ref, CALIBRATION_SEED, mixed_precision.CALIBRATION_SAMPLES),
        pixels=compared,
        progress=silent,
    )
    total = census.measure(ref.model, ref.input_size).macs
    macs, taken = multiply_adds(deployed, compared[0]), set(mixed_precision.candidates(deployed))
    for row in ranking:
        share = macs[row.module] / total
        yield Row(
            model=name,
            module=row.module,
            sqnr_db=row.sqnr_db,
            macs_share=round(share, 5),
            in_int8=row.module in taken,
        )


def drawn(ref: Reference, seed: int, count: int) -> tuple[Pixels, ...]:
    """The demo's drawings at the model's input size."""
    return tuple(datasets.drawings(seed, count, ref, "sensitivity", silent).pixels)


def multiply_adds(deployed: nn.Module, image: Pixels) -> dict[str, int]:
    """Of each dense module, for one image."""
    outputs, modules = activations(deployed, image), dense(deployed)
    return {
        path: output.size * modules[path].get_parameter("weight")[0].numel()
        for path, output in outputs.items()
    }


def together_db(rows: Sequence[Row], model: str) -> float:
    """SQNR of the logits of an int8 file, if the errors of its modules are independent."""
    noises = (sensitivity.noise(row.sqnr_db) for row in rows if row.model == model and row.in_int8)
    return round(-10 * math.log10(sum(noises)), 2)


def _table(name: str, rows: Sequence[Row]) -> Table:
    table = Table("module", title_justify="left")
    table.title = f"{name}: together {together_db(rows, name):.1f} dB"
    table.add_column("alone in int8, dB", justify="right")
    table.add_column("in an int8 file")
    table.add_column("multiply-adds", justify="right")
    for row in rows:
        table.add_row(
            row.module,
            f"{row.sqnr_db:.1f}",
            "int8" if row.in_int8 else "float",
            f"{row.macs_share:.2%}",
        )
    return table


if __name__ == "__main__":
    main()
