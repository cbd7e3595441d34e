"""What each dense module costs in int8, where it alone is in int8, beside its share of the work.

    python -m benchmarks.sensitivity [--models slide_swin_demo slide_swin_tiny]
        [--out benchmarks/results/sensitivity.json]

In PyTorch, on the deploy form for TFLite. The bundled demo is trained; any other model has random
weights. A module that is cheap to compute and costs many dB is the first that `convert --int8`
keeps in float. "All in int8" adds the powers of the errors up: the SQNR that a file of all of them
should reach if they are independent.
"""

import math
from collections.abc import Iterator, Sequence

from torch import nn

from benchmarks.lib.arguments import parser
from benchmarks.lib.results import sensitivity as results
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.sensitivity import ModuleSensitivity
from slide_mobile.demo.render import CALIBRATION_SEED, GOLDEN_SEED
from slide_mobile.deploy.forms import chosen
from slide_mobile.models import census
from slide_mobile.parity import datasets, reference
from slide_mobile.parity.layerwise import activations, dense
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import DEMO, ModelSource
from slide_mobile.pipeline import mixed_precision, sensitivity
from slide_mobile.preprocess import Pixels
from slide_mobile.progress import silent
from slide_mobile.targets import registry

TARGET = "tflite"
MODELS = (DEMO, "slide_swin_tiny")


def main() -> None:
    """Measure every module of every model, and save."""
    arguments = parser(__doc__, out="sensitivity.json")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    options = arguments.parse_args()
    rows = [row for name in options.models for row in measure(name)]
    result = results.Sensitivities(
        environment=environment(
            [TARGET],
            target=TARGET,
            calibration_images=mixed_precision.CALIBRATION_SAMPLES,
            compared_images=mixed_precision.SAMPLES,
        ),
        together_db={name: together_db(rows, name) for name in options.models},
        rows=tuple(rows),
    )
    save(options.out, result)
    print(results.table(result))


def measure(name: str) -> Iterator[ModuleSensitivity]:
    """Every dense module of a model, the most sensitive first."""
    ref = reference.load(ModelSource(name, untrained=name != DEMO))
    deployed = ref.deployed(registry.load(TARGET).LAYOUT, chosen(TARGET, "xnnpack", "int8"))
    compared = drawn(ref, GOLDEN_SEED, mixed_precision.SAMPLES)
    ranking = sensitivity.measure(
        deployed,
        list(dense(deployed)),
        calibration=drawn(ref, CALIBRATION_SEED, mixed_precision.CALIBRATION_SAMPLES),
        pixels=compared,
        progress=silent,
    )
    total = census.measure(ref.model, ref.input_size).macs
    macs, quantised = multiply_adds(deployed, compared[0]), mixed_precision.candidates(deployed)
    for row in ranking:
        yield ModuleSensitivity(
            model=name,
            module=row.module,
            sqnr_db=row.sqnr_db,
            macs_share=round(macs[row.module] / total, 5),
            in_int8=row.module in quantised,
        )


def drawn(ref: Reference, seed: int, count: int) -> tuple[Pixels, ...]:
    """The demo's drawings at the model's input size."""
    return tuple(datasets.drawings(seed, count, ref, "sensitivity", silent).pixels)


def multiply_adds(deployed: nn.Module, image: Pixels) -> dict[str, int]:
    """How many each dense module takes for one image, by path."""
    outputs, modules = activations(deployed, image), dense(deployed)
    return {
        path: output.size * modules[path].get_parameter("weight")[0].numel()
        for path, output in outputs.items()
    }


def together_db(rows: Sequence[ModuleSensitivity], model: str) -> float:
    """SQNR of the logits of an int8 file, if the errors of its modules are independent."""
    noises = (sensitivity.noise(row.sqnr_db) for row in rows if row.model == model and row.in_int8)
    return round(-10 * math.log10(sum(noises)), 2)


if __name__ == "__main__":
    main()
