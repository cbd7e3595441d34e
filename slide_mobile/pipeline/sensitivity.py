"""Sensitivity to int8: the error when one dense module alone computes in int8, in PyTorch.

Values are rounded as the converters round them. Weights are quantized symmetrically per output
channel. Inputs and outputs have one range per tensor, clipped where the squared error is smallest.
The toolchains give SQNRs that differ by a few dB, but almost the same order of modules.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from slide_mobile.parity import parallel
from slide_mobile.parity.layerwise import dense
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.parallel import Rows
from slide_mobile.preprocess import Pixels
from slide_mobile.progress import Progress
from slide_mobile.targets.calibration import Values, clipped, sample_and_extremes

STEPS = 255  # steps between the smallest and the largest 8-bit value


@dataclass(frozen=True, kw_only=True)
class ModuleSensitivity:
    """SQNR of the model's outputs, equally weighted, if this module alone computes in int8."""

    module: str
    sqnr_db: float

    @property
    def noise(self) -> float:
        """Ratio of the power of the error to the power of the outputs."""
        return noise(self.sqnr_db)


@dataclass(frozen=True, kw_only=True)
class _Range:
    """Range of the values that an int8 tensor can represent; it includes zero."""

    low: float
    high: float

    def rounded(self, x: Tensor) -> Tensor:
        """Round each element to the nearest of the 256 values, for a tensor of any shape."""
        step = (self.high - self.low) / STEPS
        if step == 0:
            return torch.zeros_like(x)
        low = round(self.low / step)
        return (x / step).round().clamp(low, low + STEPS) * step


@dataclass(frozen=True, kw_only=True)
class _Ranges:
    """Ranges of the input and the output of a module."""

    input: _Range
    output: _Range


_Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


@torch.no_grad()
def measure(
    deployed: nn.Module,
    modules: Collection[str],
    *,
    calibration: Sequence[Pixels],
    pixels: Sequence[Pixels],
    progress: Progress,
) -> tuple[ModuleSensitivity, ...]:
    """Rank dense modules of a deploy form, the most sensitive first.

    The ranges come from `calibration`, and the outputs are compared on `pixels`; both are (H, W, 3)
    bytes at input size. Raises ValueError if a path in `modules` is not a dense module.
    """
    chosen = {path: module for path, module in dense(deployed).items() if path in set(modules)}
    if unknown := set(modules) - set(chosen):
        raise ValueError(f"not dense modules of this deploy form: {', '.join(sorted(unknown))}")
    ranges = _ranges(deployed, chosen, calibration)
    expected = parallel.outputs(deployed, pixels)
    found = []
    for done, (path, module) in enumerate(chosen.items()):
        progress("measure the sensitivity to int8", done / len(chosen))
        with _hooks({module: _in_int8(module, ranges[path])}):
            db = _sqnr_db(expected, parallel.outputs(deployed, pixels))
        found.append(ModuleSensitivity(module=path, sqnr_db=round(db, 2)))
    return tuple(sorted(found, key=lambda row: row.sqnr_db))


def enough(
    ranking: Sequence[ModuleSensitivity], *, given: int, measured_db: float, wanted_db: float
) -> int:
    """Return how many of the most sensitive modules must be in float to reach `wanted_db`.

    `measured_db` is the SQNR of a file that has `given` of them in float; the result is larger than
    `given`. The errors of modules are independent, so their powers add up. Their sum is scaled to
    the power that was measured in the file, because toolchains quantize differently from PyTorch.
    """
    left = sum(row.noise for row in ranking[given:])
    allowed = left * noise(wanted_db) / noise(measured_db)
    for count in range(given, len(ranking)):
        if count > given and left <= allowed:
            return count
        left -= ranking[count].noise
    return len(ranking)


def noise(db: float) -> float:
    """Convert an SQNR in dB to the ratio of error power to signal power."""
    return float(10 ** (-db / 10))


def _sqnr_db(expected: Sequence[Rows], found: Sequence[Rows]) -> float:
    """Return the SQNR of all outputs together, each scaled to a power of one."""
    scales = [float(np.sqrt(np.square(rows, dtype=np.float64).sum())) or 1.0 for rows in expected]
    together = (
        np.concatenate([rows.ravel() / scale for rows, scale in zip(outputs, scales, strict=True)])
        for outputs in (expected, found)
    )
    return sqnr_db(*together)


def _ranges(
    deployed: nn.Module, modules: dict[str, nn.Module], calibration: Sequence[Pixels]
) -> dict[str, _Ranges]:
    """Measure the input and output range of each module over all images."""
    entering: dict[str, list[Values]] = {path: [] for path in modules}
    leaving: dict[str, list[Values]] = {path: [] for path in modules}

    def recorder(path: str) -> _Hook:
        def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            entering[path].append(_sample(inputs[0]))
            leaving[path].append(_sample(output))

        return record

    with _hooks({module: recorder(path) for path, module in modules.items()}):
        parallel.outputs(deployed, calibration)
    return {
        path: _Ranges(
            input=_fit(entering[path]),
            output=_fit(leaving[path]),
        )
        for path in modules
    }


def _sample(x: Tensor) -> Values:
    """Sample the same positions in every image, and the extremes."""
    return sample_and_extremes(x.numpy(), np.random.default_rng(0))


def _fit(samples: Sequence[Values]) -> _Range:
    """Return the range with the smallest squared error for these samples."""
    # Images run in any order, and sums depend on the order, so the values are sorted.
    low, high = clipped(np.sort(np.concatenate(samples)))
    return _Range(low=low, high=high)


def _in_int8(module: nn.Module, ranges: _Ranges) -> _Hook:
    """Return a hook that replaces a module's output by the output that it has in int8."""
    rounded = copy.deepcopy(module)
    weight = rounded.get_parameter("weight")
    scale = (weight.abs().flatten(1).amax(1) / 127).clamp(min=torch.finfo(weight.dtype).tiny)
    scale = scale.reshape(-1, *[1] * (weight.ndim - 1))
    weight.copy_((weight / scale).round() * scale)

    def compute(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> Tensor:
        return ranges.output.rounded(rounded(ranges.input.rounded(inputs[0])))

    return compute


@contextmanager
def _hooks(hooks: dict[nn.Module, _Hook]) -> Iterator[None]:
    """Register forward hooks for the duration of the block."""
    handles = [module.register_forward_hook(hook) for module, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
