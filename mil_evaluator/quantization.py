"""Quantized activations, and compressed weights (constexpr operations).

iOS16 stores look-up indices and sparsity masks as packed bits with a separate shape. iOS18 stores
them as tensors of narrow integers. Each rule reads both forms.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mil_evaluator.rule import Function

_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


def quantize(
    input: Tensor,
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Elementwise clip(round(input / scale) + zero_point), half to even; per tensor or per axis."""
    steps = torch.round(input / _along(scale, input, axis))
    if zero_point is not None:
        steps = steps + _along(zero_point, input, axis).float()
    return steps.clamp(*_RANGES[output_dtype])


def dequantize(
    input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """Elementwise scale * (input - zero_point), with parameters per tensor or per axis."""
    steps = input.float()
    if zero_point is not None:
        steps = steps - _along(zero_point, input, axis).float()
    return steps * _along(scale, input, axis)


def constexpr_affine_dequantize(
    quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """Elementwise scale * (quantized_data - zero_point), with parameters per tensor or per axis."""
    return dequantize(quantized_data, scale, zero_point, axis)


def constexpr_blockwise_shift_scale(
    data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> Tensor:
    """Elementwise scale * (data - offset), with one scale and offset per block."""
    steps = data.float()
    if offset is not None:
        steps = steps - _blockwise(offset.float(), data.shape)
    return steps * _blockwise(scale, data.shape)


def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """Return the fp16 constant in fp32."""
    return source_val


def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: list[int] | None = None, vector_axis: int | None = None
) -> Tensor:
    """Look up the values of the indices.

    iOS16: bytes (M,) with indices packed from the lowest bit, and one table (P,). iOS18: indices
    (*K), and one table per block (*B, P, V), whose entries are vectors along `vector_axis`.
    """
    if shape is not None:
        bits = lut.numel().bit_length() - 1
        return lut[_unpacked(indices, bits, math.prod(shape))].reshape(shape)
    blocks, (entries, width) = lut.shape[:-2], lut.shape[-2:]
    table = _blockwise(torch.arange(blocks.numel()).reshape(blocks), indices.shape)
    vectors = lut.reshape(-1, width)[table * entries + indices]  # (*K, V)
    if vector_axis is None:
        return vectors.squeeze(-1)
    axis = vector_axis % indices.ndim
    return vectors.movedim(-1, axis + 1).flatten(axis, axis + 1)


def constexpr_sparse_to_dense(
    nonzero_data: Tensor, mask: Tensor, shape: list[int] | None = None
) -> Tensor:
    """Return zeros, with the data in order where the mask is set; iOS16 packs the mask."""
    if shape is not None:
        mask = _unpacked(mask, 1, math.prod(shape)).reshape(shape)
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[mask.bool()] = nonzero_data
    return dense


def constexpr_lut_to_sparse(
    indices_mask: Tensor, indices_nonzero_data: Tensor, lut: Tensor, vector_axis: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return the mask, and the looked-up values of the indices where it is set."""
    indices = constexpr_sparse_to_dense(indices_nonzero_data, indices_mask)
    dense = constexpr_lut_to_dense(indices, lut, None, vector_axis)
    mask = indices_mask
    if vector_axis is not None:
        mask = mask.repeat_interleave(lut.shape[-1], vector_axis)
    return mask, dense[mask.bool()]


def constexpr_sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the mask, and scale * (data - offset) where it is set, with parameters per block."""
    dense = constexpr_sparse_to_dense(nonzero_data, data_mask)
    return data_mask, constexpr_blockwise_shift_scale(dense, scale, offset)[data_mask.bool()]


def _along(parameter: Tensor, x: Tensor, axis: int | None) -> Tensor:
    """() or (x.shape[axis],) -> a shape that broadcasts with x."""
    if parameter.ndim == 0 or axis is None:
        return parameter
    return parameter.reshape(-1, *[1] * (x.ndim - 1 - axis % x.ndim))


def _blockwise(parameter: Tensor, shape: Sequence[int]) -> Tensor:
    """Repeat a parameter of each block over the elements of the block."""
    for axis, size in enumerate(shape):
        parameter = parameter.repeat_interleave(size // parameter.shape[axis], axis)
    return parameter


def _unpacked(packed: Tensor, bits: int, count: int) -> Tensor:
    """Unpack bytes to (count,) numbers of `bits` bits each, starting from the lowest bit."""
    stream = np.unpackbits(packed.numpy(), bitorder="little")[: count * bits]
    weights = 1 << np.arange(bits)
    return torch.from_numpy(stream.reshape(count, bits) @ weights)


RULES: Mapping[str, Function] = {
    "quantize": quantize,
    "dequantize": dequantize,
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "constexpr_blockwise_shift_scale": constexpr_blockwise_shift_scale,
    "constexpr_cast": constexpr_cast,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
    "constexpr_sparse_to_dense": constexpr_sparse_to_dense,
    "constexpr_lut_to_sparse": constexpr_lut_to_sparse,
    "constexpr_sparse_blockwise_shift_scale": constexpr_sparse_blockwise_shift_scale,
}
