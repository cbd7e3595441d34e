"""Look inside a .mlpackage: the output of each convolution and linear, and its int8 range."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.graph import int8_range
from slide_mobile_converters.coreml import reading
from slide_mobile_converters.coreml.lowering import IMAGE


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of the dense convolutions and linears by module path, channels last.

    They are evaluated on macOS too, because Core ML does not give out inner tensors. Raises
    ArtifactError for a damaged package, and for one that slide-mobile did not write.
    """
    program, modules = reading.program(path), reading.modules(path)
    maps = {name for op in program.operations if op.type == "conv" for name in op.outputs}
    with reading.runnable(path):
        given = {IMAGE: planar(image)}
        values = program.run(given, precision=program.declared_precision, keep=modules)
        return {
            module: _channels_last(values[name], is_map=name in maps)
            for name, module in modules.items()
        }


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """(lowest, highest) value of the int8 outputs of convolutions and linears, by module path."""
    program, modules = reading.program(path), reading.modules(path)
    found = {}
    for op in program.operations:
        module = modules.get(str(op.inputs.get("input")))
        if op.type != "quantize" or module is None or op.dtypes != ("int8",):
            continue
        scale = np.asarray(program.constants[str(op.inputs["scale"])])
        zero = program.constants[str(op.inputs["zero_point"])] if "zero_point" in op.inputs else 0
        found[module] = int8_range(float(scale), int(np.asarray(zero)))
    return found


def _channels_last(x: NDArray[np.generic], *, is_map: bool) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); the output of a linear is so already."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if is_map else x, np.float32)
