"""Measures of the distance between two outputs."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Reported for outputs that are equal to the last bit, where the ratio is infinite.
EXACT_DB = 200.0


def sqnr_db(reference: NDArray[Any], output: NDArray[Any]) -> float:
    """10 * log10(|ref|^2 / |ref - out|^2), in dB; EXACT_DB at most.

    -EXACT_DB where either side holds NaN or Inf: a number, so that every floor is missed.
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
