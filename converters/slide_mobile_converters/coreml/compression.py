"""Weights of convolutions and linears in 8, 6 or 4 bits, by coremltools' own passes.

Core ML decompresses the weights when it loads or runs the model. Shapes and activations do not
change. Depthwise kernels, the first layer, constant sums and biases stay in float: together they
are 1 % of the bytes.

A palette is one table for each tensor (a table for each group of channels needs iOS 18). 1-D
k-means is solved exactly (Groenlund et al., arXiv:1701.07204); coremltools would use scikit-learn's
search below 10,000 values. Weights are first rounded to 1/1024 of their standard deviation. That
takes a third of the time of the search over all 20,000 different values of fp16, and costs at most
0.02 dB (8 bits; normal weights, and Student's t with 3 degrees of freedom). It costs 1.5 dB for
weights with Cauchy tails, whose outliers dominate the deviation.

The smallest tensors, up to a fifth of all weights, get the next larger palette. An error in one of
them (the first layers, the layers that write to the residual stream) costs the logits as much as an
error in a tensor fifty times its size. Measured on slide_swin_demo: 4 bits everywhere reach
18.4 dB; with 6 bits for the small tensors, 4.4 bits a weight, 27.4 dB. 6 bits everywhere reach
31.6 dB; with 8 bits for the small tensors, 6.4 bits a weight, 39.0 dB.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from typing import Any

import coremltools as ct
import numpy as np
from coremltools.models.neural_network.quantization_utils import (
    _get_kmeans_lookup_table_and_weight as kmeans,
)
from coremltools.optimize import coreml as optimize
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe, is_quantizable

# Bits of most tensors, and of the smallest ones.
PALETTES = {"palette6": (6, 8), "palette4": (4, 6)}
SMALL_SHARE = 0.2  # of all weights, at most, in "the smallest tensors"
_STEPS = 1024  # steps in one standard deviation, of the grid for the search
_ANY_SIZE = 0

Palette = tuple[NDArray[Any], NDArray[np.uint8]]  # the centres, and the index of each weight


def compression(recipe: Recipe, program: Any, *, keep: Collection[str] = ()) -> Any:
    """The coremltools pass pipeline that stores a MIL program's weights in the recipe's format.

    With int8 activations, exactly the operations that read int8 get int8 weights. Operations whose
    outputs are named in `keep` stay in float.
    """
    layers = [
        op
        for op in quantizable(program)
        if op.outputs[0].name not in keep and (recipe.activations != "int8" or _reads_int8(op))
    ]
    # Keyed by constant, not by operation: a bias can be shared with an operation in float.
    sizes = {op.weight.op.name: prod(op.weight.shape) for op in layers}
    pipeline = ct.PassPipeline.EMPTY
    if recipe.weights == "int8":
        linear = optimize.OpLinearQuantizerConfig(
            mode="linear_symmetric", granularity="per_channel", weight_threshold=_ANY_SIZE
        )
        _append(pipeline, "compression::linear_quantize_weights", dict.fromkeys(sizes, linear))
    elif recipe.weights in PALETTES:
        bits = bits_by_size(sizes, *PALETTES[recipe.weights])
        values = {op.weight.op.name: op.weight.val for op in layers}
        _append(pipeline, "compression::palettize_weights", _palettizers(values, bits))
    return pipeline


def quantizable(program: Any) -> Iterator[Any]:
    """The convolutions and linears of a MIL program that int8 recipes quantize."""
    for op in program.functions["main"].operations:
        grouped = op.op_type == "conv" and op.groups.val != 1
        if (
            op.op_type in {"conv", "linear"}
            and not grouped
            and is_quantizable(*op.weight.shape[:2])
        ):
            yield op


def bits_by_size(sizes: Mapping[str, int], most: int, small: int) -> dict[str, int]:
    """Bits of each tensor: `small` for the smallest tensors, up to SMALL_SHARE of all weights."""
    total, seen, bits = sum(sizes.values()), 0, {}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        seen += sizes[name]
        bits[name] = small if seen <= SMALL_SHARE * total else most
    return bits


def palette(bits: int, weight: NDArray[Any]) -> Palette:
    """2**bits centres with nearly the least squared error, and the index of each weight."""
    exact = weight.astype(np.float64).reshape(-1)
    step = exact.std() / _STEPS or 1.0  # any step does for a constant tensor
    _, indices = kmeans(bits, np.round(exact / step), force_kmeans1d=True)
    count, total = (np.bincount(indices, w, minlength=2**bits) for w in (None, exact))
    centres = total / np.maximum(count, 1)
    return centres.astype(weight.dtype), indices.astype(np.uint8)


def _palettizers(values: Mapping[str, NDArray[Any]], bits: Mapping[str, int]) -> dict[str, Any]:
    """A configuration for each tensor; the palettes are computed in parallel.

    The search is C code that releases Python's lock. The pass itself would compute one palette
    after the other.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # an interrupted map drops what is queued
        found = list(pool.map(palette, bits.values(), map(values.__getitem__, bits)))
    return {
        name: optimize.OpPalettizerConfig(
            mode="custom", lut_function=partial(_given, one), weight_threshold=_ANY_SIZE
        )
        for name, one in zip(bits, found, strict=True)
    }


def _given(found: Palette, _: NDArray[Any]) -> Palette:
    return found


def _reads_int8(op: Any) -> bool:
    return op.x.op is not None and op.x.op.op_type == "dequantize"


def _append(pipeline: Any, name: str, configs: dict[str, Any]) -> None:
    pipeline.append_pass(name)
    pipeline.set_options(name, {"config": optimize.OptimizationConfig(op_name_configs=configs)})
