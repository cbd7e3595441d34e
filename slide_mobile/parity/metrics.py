"""Error measures between two outputs."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Stands for an infinite ratio: the outputs are equal to the last bit.
EXACT_DB = 200.0


def sqnr_db(reference: NDArray[Any], output: NDArray[Any]) -> float:
    """Return the SQNR, 10 * log10(|ref|^2 / |ref - out|^2), in dB; at most EXACT_DB.

    Returns -EXACT_DB, which misses every floor, if either side has NaN or Inf.
    """
    ref, out = np.asarray(reference, np.float64), np.asarray(output, np.float64)
    if not (np.isfinite(ref).all() and np.isfinite(out).all()):
        return -EXACT_DB
    noise, signal = float(np.square(ref - out).sum()), float(np.square(ref).sum())
    if noise == 0:
        return EXACT_DB
    if signal == 0:
        return -EXACT_DB
    return min(10 * math.log10(signal / noise), EXACT_DB)
