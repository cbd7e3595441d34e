"""Weights of thick convolutions and linears in 8, 6 or 4 bits, by coremltools' own passes.

Core ML decompresses them as it loads or runs the model; shapes and activations stay as they are.
Everything else stays float: depthwise kernels, the first layer, constant sums and biases are 1 %
of the bytes.

Palettes have one table a tensor (a table a group of channels needs iOS 18). 1-D k-means is solved
exactly (Groenlund et al., arXiv:1701.07204), where coremltools falls back to scikit-learn's search
below 10,000 values, but on weights rounded to a thousandth of their deviation: a third of the time
that all 20,000 different values of fp16 take, for 0.02 dB at most (8 bits; normal weights, and
Student's t of 3 degrees. With Cauchy's tails, whose outliers make the deviation, 1.5 dB).

The smallest tensors get the next larger palette. Measured on slide_swin_demo, an error in one of
them (the first layers, the writers of the residual stream) costs the logits as much as one in a
tensor fifty times its size: 4 bits throughout reach 18.4 dB, 6 bits for the fifth of the weights
that is in small tensors 27.4 dB at 4.4 bits a weight; and 31.6 against 39.0 dB at 6.4 bits.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe, is_thick
from slide_mobile_converters.coreml.toolchain import coremltools as ct
from slide_mobile_converters.coreml.toolchain import quiet

with quiet():
    from coremltools.models.neural_network.quantization_utils import (
        _get_kmeans_lookup_table_and_weight as kmeans,
    )
    from coremltools.optimize import coreml as optimize

# Bits of most weights, and of those in the smallest tensors.
PALETTES = {"palette6": (6, 8), "palette4": (4, 6)}
SMALL_SHARE = 0.2  # at most this share of the weights is in "the smallest tensors"
_STEPS = 1024  # in a tensor's deviation: of the grid that it is rounded to for the search
_ANY_SIZE = 0

Palette = tuple[NDArray[Any], NDArray[np.uint8]]  # the values, and each weight's index


def compression(recipe: Recipe, program: Any, *, keep: Collection[str] = ()) -> Any:
    """The coremltools pass pipeline that brings a MIL program's weights into the recipe's format.

    Under int8 activations exactly the operations that compute in int8 get int8 weights; those
    whose outputs are named in `keep` get none.
    """
    layers = [
        op
        for op in thick(program)
        if op.outputs[0].name not in keep and (recipe.activations != "int8" or _reads_int8(op))
    ]
    # By the names of the constants: a bias may be shared with an operation that stays float.
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


def thick(program: Any) -> Iterator[Any]:
    """The ungrouped convolutions and the linears of a MIL program with enough channels."""
    for op in program.functions["main"].operations:
        grouped = op.op_type == "conv" and op.groups.val != 1
        if op.op_type in {"conv", "linear"} and not grouped and is_thick(*op.weight.shape[:2]):
            yield op


def bits_by_size(sizes: Mapping[str, int], most: int, small: int) -> dict[str, int]:
    """Bits for each tensor: `small` for the smallest ones, up to SMALL_SHARE of the weights."""
    total, seen, bits = sum(sizes.values()), 0, {}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        seen += sizes[name]
        bits[name] = small if seen <= SMALL_SHARE * total else most
    return bits


def palette(bits: int, weight: NDArray[Any]) -> Palette:
    """2**bits centres with nearly the least squared error, and each weight's index among them."""
    exact = weight.astype(np.float64).reshape(-1)
    step = exact.std() / _STEPS or 1.0  # of a constant: any
    _, indices = kmeans(bits, np.round(exact / step), force_kmeans1d=True)
    count, total = (np.bincount(indices, w, minlength=2**bits) for w in (None, exact))
    centres = total / np.maximum(count, 1)
    return centres.astype(weight.dtype), indices.astype(np.uint8)


def _palettizers(values: Mapping[str, NDArray[Any]], bits: Mapping[str, int]) -> dict[str, Any]:
    """A config for each tensor, whose palettes are sought side by side.

    The search is C code that lets other threads run; the pass asks for one tensor after another.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # map drops what waits when it is interrupted
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
