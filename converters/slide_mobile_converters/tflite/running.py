"""Run a .tflite with LiteRT and XNNPACK."""

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import Layout, Outputs
from slide_mobile_converters.tflite import reading

RUNTIME = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"
_LAYOUT: Layout = "NHWC"


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """LiteRT with XNNPACK, by default with one thread a core; raises ArtifactError."""
    interpreter = reading.load(path, threads=threads or os.cpu_count() or 1)
    return of_interpreter(interpreter, path, f"{RUNTIME}, XNNPACK")


def of_interpreter(interpreter: Interpreter, path: Path, runtime: str) -> Runner:
    """An allocated interpreter of the file at `path` as a Runner; raises ArtifactError."""
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

    return Runner(call=run, runtime=runtime, layout=_LAYOUT, bind=bind)
