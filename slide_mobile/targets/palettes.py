"""Palettes: one table of values for each weight, and the index of each of its numbers.

1-D k-means is solved exactly (Groenlund et al., arXiv:1701.07204) by the toolchain's own code.
Weights are first rounded to 1/1024 of their standard deviation. That takes a third of the time of
the search over all 20,000 different values of fp16, and costs at most 0.02 dB (8 bits; normal
weights, and Student's t with 3 degrees of freedom). It costs 1.5 dB for weights with Cauchy tails,
whose outliers dominate the deviation.

The smallest tensors, up to a fifth of all weights, get the next larger palette. An error in one of
them (the first layers, the layers that write to the residual stream) costs the logits as much as an
error in a tensor fifty times its size. Measured on slide_swin_demo: 4 bits everywhere reach
18.4 dB; with 6 bits for the small tensors, 4.4 bits a weight, 27.4 dB. 6 bits everywhere reach
31.6 dB; with 8 bits for the small tensors, 6.4 bits a weight, 39.0 dB.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bits of most tensors, and of the smallest ones.
PALETTES = {"palette6": (6, 8), "palette4": (4, 6)}
SMALL_SHARE = 0.2  # of all weights, at most, in "the smallest tensors"
_STEPS = 1024  # steps in one standard deviation, of the grid for the search

Palette = tuple[NDArray[Any], NDArray[np.uint8]]  # the centres, and the index of each weight
# From bits and values (N,) to the cluster of each value, of 2**bits, by exact 1-D k-means.
Cluster = Callable[[int, NDArray[Any]], NDArray[np.integer[Any]]]


def bits_by_size(sizes: Mapping[str, int], most: int, small: int) -> dict[str, int]:
    """Bits of each tensor: `small` for the smallest tensors, up to SMALL_SHARE of all weights."""
    total, seen, bits = sum(sizes.values()), 0, {}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        seen += sizes[name]
        bits[name] = small if seen <= SMALL_SHARE * total else most
    return bits


def palette(bits: int, weight: NDArray[Any], cluster: Cluster) -> Palette:
    """2**bits centres with nearly the least squared error, and the index of each weight: (N,)."""
    exact = weight.astype(np.float64).reshape(-1)
    step = exact.std() / _STEPS or 1.0  # any step does for a constant tensor
    indices = cluster(bits, np.round(exact / step))
    count = np.bincount(indices, minlength=2**bits)
    total = np.bincount(indices, exact, minlength=2**bits)
    centres = total / np.maximum(count, 1)
    return centres.astype(weight.dtype), indices.astype(np.uint8)


def palettes(
    bits: Sequence[int], weights: Sequence[NDArray[Any]], cluster: Cluster
) -> list[Palette]:
    """The palette of each weight, in parallel: the search is C code that drops Python's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # an interrupted map drops what is queued
        return list(pool.map(partial(palette, cluster=cluster), bits, weights))
