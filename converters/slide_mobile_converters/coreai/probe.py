"""Look inside an .aimodel: the output of each convolution and linear."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreai import operations, reading, running


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of convolutions and linears by module path, channels last, by Apple's runtime.

    A copy of the program gives them out instead of the logits. Raises ArtifactError for a damaged
    asset, and for one that slide-mobile did not write.
    """
    program, modules = reading.program(path), reading.modules(path)
    with reading.readable(path), quiet(), tempfile.TemporaryDirectory() as scratch:
        operations.give_out(program, {name: index for index, name in modules.items()})
        function = running.loaded(program.save_asset(Path(scratch) / "watched.aimodel"))
        found = running.called(function, image)
    return {name: _channels_last(found[name]) for name in modules.values()}


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """No ranges: no precision of this target has int8 activations."""
    return {}


def _channels_last(x: NDArray[np.generic]) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); a linear's output has fewer axes."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x, np.float32)
