"""Run a .mlpackage: with Core ML on a Mac, evaluated elsewhere; and look at its layers.

Elsewhere a package that declares fp16 is evaluated with every operation rounded to fp16. That is
an estimate: a device's error may be larger, or smaller where it rounds less often.
"""

import contextlib
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slide_mobile.errors import ArtifactError
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.converter import Runner
from slide_mobile.targets.graph import int8_range
from slide_mobile.tasks import LOGITS, STAGES, Outputs
from slide_mobile_converters.coreml import reading
from slide_mobile_converters.coreml.lowering import IMAGE
from slide_mobile_converters.coreml.toolchain import coremltools, mil_evaluator, quiet


def runner(path: Path) -> Runner:
    """Core ML's own `predict` on macOS, the evaluator elsewhere.

    Raises ArtifactError for a damaged package, and when called if the package cannot be run.
    """
    program = reading.program(path)
    if platform.system() == "Darwin":
        return _predictor(path)

    def run(image: Pixels) -> Outputs:
        with artifact_errors(path):
            given = {IMAGE: planar(image)}
            return _wanted(program.run(given, precision=program.declared_precision))

    return Runner(call=run, runtime=mil_evaluator.EVALUATED, layout="NCHW")


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of the dense convolutions and linears by module path, channels last.

    Evaluated on macOS too: Core ML keeps what is between input and output to itself. Raises
    ArtifactError for a damaged package, and for one that slide-mobile did not write.
    """
    program, modules = reading.program(path), reading.modules(path)
    maps = {name for op in program.operations if op.type == "conv" for name in op.outputs}
    with artifact_errors(path):
        given = {IMAGE: planar(image)}
        values = program.run(given, precision=program.declared_precision, keep=modules)
        return {
            module: _channels_last(values[name], is_map=name in maps)
            for name, module in modules.items()
        }


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """What the int8 outputs of convolutions and linears can hold, by module path."""
    program, modules = reading.program(path), reading.modules(path)
    found = {}
    for op in program.operations:
        module = modules.get(str(op.inputs.get("input")))
        if op.type != "quantize" or module is None or op.dtypes != ("int8",):
            continue
        scale = program.constants[str(op.inputs["scale"])]
        zero = program.constants[str(op.inputs["zero_point"])] if "zero_point" in op.inputs else 0
        found[module] = int8_range(float(scale), int(zero))
    return found


@contextlib.contextmanager
def artifact_errors(path: Path) -> Iterator[None]:
    """Let what a foreign or damaged package makes a run raise become ArtifactError of one line.

    The evaluator raises ValueError for all it cannot compute; Core ML raises RuntimeError.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{path} cannot be run: {reason}; convert the model again") from error


def _predictor(path: Path) -> Runner:
    with quiet(), artifact_errors(path):
        model = coremltools.models.MLModel(str(path))

    def predict(image: Pixels) -> Outputs:
        with artifact_errors(path):
            return _wanted(model.predict({IMAGE: Image.fromarray(image)}))

    def bind(image: Pixels) -> Callable[[], object]:
        given = {IMAGE: Image.fromarray(image)}
        return lambda: model.predict(given)

    runtime = f"Core ML, macOS {platform.mac_ver()[0]}"
    return Runner(call=predict, runtime=runtime, layout="NCHW", bind=bind)


def _wanted(outputs: Mapping[str, Any]) -> Outputs:
    """The maps of stages among these, or the logits; raises ValueError where there are neither."""
    names = [name for name in STAGES if name in outputs] or [LOGITS]
    if names == [LOGITS] and LOGITS not in outputs:
        raise ValueError(f"no output {LOGITS!r}; outputs: {', '.join(sorted(outputs))}")
    found = {name: np.asarray(outputs[name], np.float32) for name in names}
    for name, x in found.items():
        if x.ndim != (2 if name == LOGITS else 4) or len(x) != 1:
            expected = "(1, classes)" if name == LOGITS else "(1, C, H, W)"
            raise ValueError(f"output {name!r} should be {expected}; it is {x.shape}")
    return found


def _channels_last(x: NDArray[Any], *, is_map: bool) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); what a linear gives has that order."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if is_map else x, np.float32)
