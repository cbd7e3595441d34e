"""Run a .tflite with LiteRT and XNNPACK."""

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import Layout, Outputs
from slide_mobile_converters.tflite import reading

_LAYOUT: Layout = "NHWC"


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """LiteRT with XNNPACK, by default with one thread a core; raises ArtifactError."""
    version = importlib.metadata.version("ai-edge-litert")
    interpreter = reading.load(path, threads=threads or os.cpu_count() or 1)
    with reading.artifact_errors(path):
        (image_input,) = interpreter.get_input_details()
        outputs = reading.outputs(interpreter)

    def run(image: Pixels) -> Outputs:
        with reading.artifact_errors(path):
            interpreter.set_tensor(image_input["index"], image[None].astype(np.float32))
            interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in outputs.items()}

    def bind(image: Pixels) -> Callable[[], object]:
        run(image)  # sets the input, which stays set
        return interpreter.invoke

    return Runner(call=run, runtime=f"LiteRT {version}, XNNPACK", layout=_LAYOUT, bind=bind)
