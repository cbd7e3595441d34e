"""Weights of convolutions and linears in 8, 6 or 4 bits, which Core AI decompresses by itself.

coreai-opt's passes write the same operations, but they choose weights by their size alone: they
take the first layer and depthwise kernels too, which are 1 % of the bytes. And they search palettes
with code that they compile on the user's machine.

int4 is not offered. On slide_swin_demo, blocks of 32 with their own scales, and int8 for the small
tensors, reach 26.3 dB with 5.2 bits a weight; the palette of 4 and 6 bits reaches 25.2 dB with 4.4.
A palette for each 16 output channels reaches 26.9 dB with 4.6 bits, but 34.1 instead of 38.8 dB
where the palette of 6 bits has 8 bits for the small tensors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from coreai._compiler.dialects import coreai
from coreai._compiler.dialects.coreai.constant import create_elements_attr
from coreai._compiler.ir import (
    F16Type,
    InsertionPoint,
    IntegerType,
    Location,
    RankedTensorType,
)
from numpy.typing import NDArray

from slide_mobile.recipes import Recipe
from slide_mobile.targets.palettes import PALETTES, Palette, bits_by_size, palettes
from slide_mobile.targets.registry import needs_toolchain
from slide_mobile_converters.coreai import operations

Weight = NDArray[np.float16]  # (C_out, C_in, ...)


def compress(constants: Sequence[Any], recipe: Recipe) -> None:
    """Replace fp16 constants by what the recipe stores of them, in place.

    Raises ToolchainMissing for palettes without coremltools, which searches them.
    """
    weights = [_halves(constant) for constant in constants]
    if recipe.weights in PALETTES:
        stored: Sequence[Palette | Weight] = _palettes(weights, *PALETTES[recipe.weights])
    else:
        stored = weights
    for constant, weight, one in zip(constants, weights, stored, strict=True):
        with constant.context, constant.location, InsertionPoint(constant):
            new = _lookup(one, weight.shape) if isinstance(one, tuple) else _scaled(weight)
        constant.results[0].replace_all_uses_with(new)
        constant.operation.erase()


def packed(x: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """The lowest bits of each integer, one after the other, the lowest first: (bytes,)."""
    lowest = np.unpackbits(x.astype(np.uint8).reshape(-1, 1), axis=1, bitorder="little")
    return np.packbits(lowest[:, :bits], bitorder="little")


def _scaled(weight: Weight) -> Any:
    """int8 with a scale for each output channel, and no zero point."""
    axes = tuple(range(1, weight.ndim))
    scale = (np.abs(weight.astype(np.float32)).max(axes, keepdims=True) / 127).astype(np.float16)
    scale[scale == 0] = 1
    steps = np.clip(np.round(weight / scale.astype(np.float32)), -127, 127).astype(np.int8)
    byte = IntegerType.get_signed(8)
    return coreai.blockwise_shift_scale(
        data=_constant(steps, steps.shape, byte),
        scale=_constant(scale, scale.shape, F16Type.get()),
        offset1=_constant(np.zeros(scale.shape, np.int8), scale.shape, byte),
        offset2=_constant(np.zeros_like(scale), scale.shape, F16Type.get()),
    )


def _lookup(palette: Palette, shape: tuple[int, ...]) -> Any:
    """Indices of as many bits as the table needs, and the table, (1, ..., entries, 1)."""
    table, indices = palette
    bits = (table.size - 1).bit_length()
    return coreai.lut_to_dense(
        indices=_constant(packed(indices, bits), shape, IntegerType.get_unsigned(bits)),
        lut=_constant(table, (*(1 for _ in shape), table.size, 1), F16Type.get()),
        axis=coreai.constant(np.int16(0)),
    )


def _constant(values: NDArray[Any], shape: tuple[int, ...], element: Any) -> Any:
    kind = RankedTensorType.get(list(shape), element)
    bare = np.ascontiguousarray(values)
    return coreai.ConstantOp(value=create_elements_attr(Location.current, kind, bare)).result


def _palettes(weights: Sequence[Weight], most: int, small: int) -> list[Palette]:
    with needs_toolchain("coreai"):
        from coremltools.models.neural_network import quantization_utils

    def cluster(bits: int, values: NDArray[np.float64]) -> NDArray[Any]:
        """The cluster of each value, of 2**bits."""
        _, indices = quantization_utils._get_kmeans_lookup_table_and_weight(
            bits, values, force_kmeans1d=True
        )
        return np.asarray(indices)

    bits = bits_by_size({str(i): weight.size for i, weight in enumerate(weights)}, most, small)
    return palettes([bits[str(i)] for i in range(len(weights))], weights, cluster)


def _halves(constant: Any) -> Weight:
    shape = constant.results[0].type.shape
    return operations.values(constant).view(np.float16).reshape(tuple(shape))
