"""Look inside an .aimodel: the output of each convolution and linear."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.quiet import quiet
from slide_mobile_converters.coreai import operations, reading, running
from slide_mobile_converters.coreai.operations import Operation


def activations(path: Path, image: Pixels) -> dict[str, NDArray[np.float32]]:
    """Outputs of convolutions and linears by module path, channels last, by Apple's runtime.

    A copy of the program gives them out instead of the logits. Raises ArtifactError for a damaged
    asset, and for one that slide-mobile did not write.
    """
    program, modules = reading.program(path), reading.modules(path)
    with reading.readable(path), quiet(), tempfile.TemporaryDirectory() as scratch:
        made = operations.read(program)
        operations.give_out(program, {name: index for index, name in modules.items()})
        function = running.loaded(program.save_asset(Path(scratch) / "watched.aimodel"))
        found = running.called(function, image)
    maps = {name for index, name in modules.items() if _is_map(made, index)}
    return {name: _channels_last(x, is_map=name in maps) for name, x in found.items()}


def ranges(path: Path) -> dict[str, tuple[float, float]]:
    """No ranges: no precision of this target has int8 activations."""
    return {}


def _is_map(program: Sequence[Operation], index: int) -> bool:
    """Whether an operation is a convolution, or adds the bias of one."""
    behind = program[index].inputs[0]
    return "conv2d" in {program[index].type, "" if behind is None else program[behind].type}


def _channels_last(x: NDArray[np.generic], *, is_map: bool) -> NDArray[np.float32]:
    """(1, C, H, W) of a convolution -> (1, H, W, C); the output of a linear is so already."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if is_map else x, np.float32)
