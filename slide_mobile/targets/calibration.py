"""Ranges of int8 activations: the values of a tensor that count, and where they are clipped."""

import numpy as np
from numpy.typing import NDArray

SAMPLES = 4096  # values taken from one tensor for one image
CLIPS = np.linspace(0.5, 1.0, 21)  # clipping points that are tried, as shares of the full range

Values = NDArray[np.float32]


def sample(x: Values, draw: np.random.Generator) -> Values:
    """SAMPLES random values of a tensor, or all of them if there are no more: (N,)."""
    flat = x.ravel()
    return flat if flat.size <= SAMPLES else flat[draw.integers(0, flat.size, SAMPLES)]


def sample_and_extremes(x: Values, draw: np.random.Generator) -> Values:
    """The values of `sample`, then the minimum and the maximum of the tensor: (N + 2,)."""
    return np.concatenate([sample(x, draw), [x.min(), x.max()]], dtype=np.float32)


def clipped(x: Values, *, symmetric: bool = False) -> tuple[float, float]:
    """The range around zero whose rounding of `x` to 8 bits has the least squared error.

    It has 255 steps. A symmetric range of a tensor with negative values has 127 on each side.
    """
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    steps = 255
    if symmetric and low < 0:
        high = max(high, -low)
        low, steps = -high, 254
    if low == high:
        return low, high

    def error(limits: tuple[float, float]) -> float:
        step = (limits[1] - limits[0]) / steps
        return float(np.square(np.clip(np.round(x / step) * step, *limits) - x).mean())

    # `clip` is a numpy scalar, which makes the error a double; a Python float would not.
    a, b = min(((low * clip, high * clip) for clip in CLIPS), key=error)
    return float(a), float(b)
