"""Writing what `convert` does not: published graphs, stripped ones, and single modules.

All go through the converter protocol, so that lowering and quantisation are those of `convert`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from benchmarks.lib.floor import floor
from benchmarks.lib.results.files import Candidate
from slide_mobile import models
from slide_mobile._version import __version__
from slide_mobile.demo.render import CALIBRATION_SEED
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import chosen
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.parity import images
from slide_mobile.preprocess import Pixels
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request
from slide_mobile.targets.format import Format
from slide_mobile.targets.tuning import BALANCED
from slide_mobile.tasks import Layout

CALIBRATION_IMAGES = 8

Values = NDArray[np.uint8] | NDArray[np.float32]


def write(
    program: ExportedProgram,
    path: Path,
    *,
    target: str,
    precision: str,
    title: str,
    channels: int,
    calibration: Sequence[Values],
) -> None:
    """Write a model file, whole or not at all, as `convert` writes it by default.

    `channels` is the length of the logits or of the output map's channel axis. `calibration` holds
    images or maps, (H, W, C), and is ignored where the precision needs none.
    """
    converter = registry.load(target)
    backend, recipe, via = registry.choose(converter, Format(target, precision))
    request = Request(
        recipe=recipe,
        backend=backend,
        via=via,
        labels=tuple(f"class {i}" for i in range(channels)),
        title=title,
        description="for benchmarks only",
        version=__version__,
        facts={},
        # Converters make float32 of whatever they calibrate with, so a map passes as an image.
        calibration=cast(Sequence[Pixels], calibration) if recipe.needs_calibration else (),
    )
    part = path.with_name(f"{path.name}.part")
    converter.convert(program, request, part)
    part.replace(path)


def build(candidate: Candidate, path: Path) -> None:
    """Write the file of a candidate."""
    layout = registry.load(candidate.target).LAYOUT
    write(
        export(formed(candidate, layout), candidate.size, layout),
        path,
        target=candidate.target,
        precision=candidate.precision,
        title=candidate.model,
        channels=models.spec(candidate.model).num_classes,
        calibration=list(drawings(CALIBRATION_SEED, CALIBRATION_IMAGES, candidate.size)),
    )


def formed(candidate: Candidate, layout: Layout) -> nn.Module:
    """The module that a candidate is exported from; takes (1, 3, H, W) in 0..255."""
    model = reference(candidate)
    if candidate.form == "published":
        return model
    tune = BALANCED if candidate.tune is UNSET else candidate.tune
    table = chosen(candidate.target, "xnnpack", candidate.precision, tune)
    deployed = deploy(model, layout=layout, forms=table)
    return floor(deployed) if candidate.form == "floor" else deployed


def reference(candidate: Candidate) -> nn.Module:
    """The published model of a candidate, with random weights."""
    return models.create(candidate.model, input_size=candidate.size).requires_grad_(False)


def drawings(seed: int, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The demo's drawings, (count, H, W, 3) bytes."""
    return images.rendered(seed, count, size, source="", stage="").pixels
