"""Ranges of int8 activations: what counts of a tensor, and where its range is clipped."""

import numpy as np
from numpy.typing import NDArray

SAMPLES = 4096  # values that count of one tensor for one image
CLIPS = np.linspace(0.5, 1.0, 21)  # shares of the full range tried as clipping points

Values = NDArray[np.float32]


def sample(x: Values, draw: np.random.Generator) -> Values:
    """SAMPLES values of a tensor of any shape, at random, or all that there are: (N,)."""
    flat = x.ravel()
    return flat if flat.size <= SAMPLES else flat[draw.integers(0, flat.size, SAMPLES)]


def sample_and_extremes(x: Values, draw: np.random.Generator) -> Values:
    """The same, then the least and the greatest value: (N + 2,)."""
    return np.concatenate([sample(x, draw), [x.min(), x.max()]], dtype=np.float32)


def clipped(x: Values, *, symmetric: bool = False) -> tuple[float, float]:
    """The range, zero in it, whose rounding of `x` to eight bits has the least squared error.

    255 steps; where it is `symmetric` and values are negative, 127 on either side of zero.
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

    # Products of numpy's own numbers: with them, not with Python's, errors are in double precision.
    a, b = min(((low * clip, high * clip) for clip in CLIPS), key=error)
    return float(a), float(b)
