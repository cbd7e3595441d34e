"""Run a .mlpackage: with Core ML on a Mac; elsewhere mil_evaluator evaluates it.

The evaluator rounds the result of each operation of an fp16 package to fp16. That estimates a
device's error: the device may round less often, or differently.
"""

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coremltools
import numpy as np
from PIL import Image

import mil_evaluator
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.converter import Runner
from slide_mobile.targets.quiet import quiet
from slide_mobile.tasks import LOGITS, Layout, Outputs
from slide_mobile_converters.coreml import reading
from slide_mobile_converters.coreml.lowering import IMAGE, LABEL, PROBABILITIES

_LAYOUT: Layout = "NCHW"


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Core ML's `predict` on macOS, the evaluator elsewhere; `Runner.runtime` says which.

    `threads` has no effect: Core ML chooses its own, and an evaluation is not timed. Raises
    ArtifactError for a damaged package, and when called if the package cannot be run.
    """
    return _core_ml(path) if platform.system() == "Darwin" else evaluated(path)


def evaluated(path: Path) -> Runner:
    """The evaluator on any system; raises ArtifactError as `runner` does."""
    program = reading.program(path)

    def run(image: Pixels) -> Outputs:
        with reading.runnable(path):
            given = {IMAGE: planar(image)}
            return _wanted(program.run(given, precision=program.declared_precision))

    return Runner(call=run, runtime=mil_evaluator.EVALUATED, layout=_LAYOUT)


def _core_ml(path: Path) -> Runner:
    reading.program(path)  # refuses a damaged package
    with quiet(), reading.runnable(path):
        model = coremltools.models.MLModel(str(path))

    def predict(image: Pixels) -> Outputs:
        with reading.runnable(path):
            return _wanted(model.predict({IMAGE: Image.fromarray(image)}))

    def bind(image: Pixels) -> Callable[[], object]:
        given = {IMAGE: Image.fromarray(image)}
        return lambda: model.predict(given)

    runtime = f"Core ML, macOS {platform.mac_ver()[0]}"
    return Runner(call=predict, runtime=runtime, layout=_LAYOUT, bind=bind)


def _wanted(outputs: Mapping[str, Any]) -> Outputs:
    """The outputs but a classifier's label and probabilities; raises ValueError if none is left."""
    names = [n for n in outputs if not n.startswith(LABEL) and n != PROBABILITIES]
    if not names:
        raise ValueError(
            f"it has no output {LOGITS!r}; its outputs are {', '.join(sorted(outputs))}"
        )
    return {name: np.asarray(outputs[name], np.float32) for name in names}
