"""Operations that move, repeat or create elements: reshape, concatenate, split, pad, fill."""

from collections.abc import Mapping
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.rule import Function


def reshape(x: Tensor, shape: list[int]) -> Tensor:
    """Reshape x; 0 copies x's dimension at the same place from the right, -1 is inferred."""
    missing = len(shape) - x.ndim
    sizes = [
        (x.shape[axis - missing] if axis >= missing else 1) if size == 0 else size
        for axis, size in enumerate(shape)
    ]
    return x.reshape(sizes)


def reshape_like(
    x: Tensor,
    ref_tensors: list[Tensor],
    begins: list[int],
    ends: list[int],
    end_masks: list[bool],
) -> Tensor:
    """Reshape x to the concatenated parts [begin, end) of the reference tensors' shapes."""
    parts = [
        ref.shape[begin:] if to_end else ref.shape[begin:end]
        for ref, begin, end, to_end in zip(ref_tensors, begins, ends, end_masks, strict=True)
    ]
    return x.reshape(list(chain.from_iterable(parts)))


def expand_dims(x: Tensor, axes: list[int]) -> Tensor:
    """Insert axes of length 1, at these positions of the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(x: Tensor, axes: list[int] | None = None) -> Tensor:
    """Remove these axes, by default all, if their length is 1."""
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def transpose(x: Tensor, perm: list[int]) -> Tensor:
    """Reorder the axes."""
    return x.permute(perm)


def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """(a, ..., b, c, ..., d) -> (a * ... * b, c * ... * d), split before the axis."""
    axis = slice(None, axis).indices(x.ndim)[1]
    rows = x.shape[:axis].numel()
    return x.reshape(rows, x.shape[axis:].numel())


def concat(values: list[Tensor], axis: int, interleave: bool = False) -> Tensor:
    """Concatenate the values along an axis; if interleaved, take their elements in turn."""
    if values[0].ndim == 0:
        return torch.stack(values)
    if not interleave:
        return torch.cat(values, axis)
    axis %= values[0].ndim
    return torch.stack(values, axis + 1).flatten(axis, axis + 1)


def stack(values: list[Tensor], axis: int) -> Tensor:
    """Stack the values along a new axis."""
    return torch.stack(values, axis)


def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: list[int] | None = None
) -> tuple[Tensor, ...]:
    """Split x along an axis, into equal parts or parts of given sizes."""
    if split_sizes is not None:
        return x.split(split_sizes, axis)
    assert num_splits is not None
    return x.split(x.shape[axis] // num_splits, axis)


def tile(x: Tensor, reps: list[int]) -> Tensor:
    """Repeat x along each axis."""
    return x.repeat(reps)


def reverse(x: Tensor, axes: list[int] | None = None) -> Tensor:
    """Reverse x along these axes, by default all."""
    return x.flip(list(range(x.ndim)) if axes is None else axes)


def reverse_sequence(
    x: Tensor, lengths: list[int], seq_axis: int = 0, batch_axis: int = 0
) -> Tensor:
    """Reverse the first `lengths[i]` elements of the i-th batch element along `seq_axis`."""
    parts = []
    for part, length in zip(x.split(1, batch_axis), lengths, strict=True):
        head, tail = part.tensor_split([length], seq_axis)
        parts.append(torch.cat([head.flip(seq_axis), tail], seq_axis))
    return torch.cat(parts, batch_axis)


def pad(x: Tensor, pad: list[int], mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """Pad the last len(pad) / 2 dimensions; `pad` lists (before, after) of each, in order."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    if mode == "constant":
        return F.pad(x, [a for pair in reversed(pairs) for a in pair], value=constant_val)
    for axis, (before, after) in enumerate(pairs, x.ndim - len(pairs)):
        size = x.shape[axis]
        places = torch.arange(-before, size + after)
        if mode == "reflect":
            places = (size - 1) - ((size - 1) - places.abs()).abs()
        x = x.index_select(axis, places.clamp(0, size - 1))
    return x


def crop(x: Tensor, crop_height: list[int], crop_width: list[int]) -> Tensor:
    """Crop the borders of (..., H, W), given as (top, bottom) and (left, right)."""
    (top, bottom), (left, right) = crop_height, crop_width
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def band_part(x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """Set (..., M, N) to zero outside a band around the diagonal; a negative width has no limit."""
    below = torch.arange(x.shape[-2])[:, None] - torch.arange(x.shape[-1])
    outside = torch.zeros_like(below, dtype=torch.bool)
    if lower >= 0:
        outside |= below > lower
    if upper >= 0:
        outside |= -below > upper
    return x.masked_fill(outside, 0)


def fill(shape: list[int], value: Tensor) -> Tensor:
    """Return a tensor that is filled with one value."""
    return value.expand(shape).clone()


def fill_like(ref_tensor: Tensor, value: Tensor) -> Tensor:
    """Return a tensor of the reference's shape that is filled with one value."""
    return value.expand(ref_tensor.shape).clone()


def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """Return the numbers start, start + step, ..., without end."""
    return torch.arange(start.item(), end.item(), step.item(), dtype=start.dtype)


def shape_of(x: Tensor) -> Tensor:
    """Return the shape of x as a vector."""
    return torch.tensor(x.shape)


def sliding_windows(x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """(..., D, ...) -> (..., (D - size) // stride + 1, size, ...)."""
    axis %= x.ndim
    return x.unfold(axis, size, stride).movedim(-1, axis + 1)


def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """(N, b * b * C, H, W) -> (N, C, b * H, b * W), with block-major channels.

    Channel (i * b + j) * C + c goes to row i and column j of the block, as in TensorFlow's
    depth_to_space; in pixel_shuffle C is the major part of the channel.
    """
    n, c, h, w = x.shape
    b = block_size
    blocks = x.reshape(n, b, b, c // (b * b), h, w)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), b * h, b * w)


def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """(N, C, b * H, b * W) -> (N, b * b * C, H, W): the inverse of depth_to_space."""
    n, c, h, w = x.shape
    b = block_size
    blocks = x.reshape(n, c, h // b, b, w // b, b)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, b * b * c, h // b, w // b)


def space_to_batch(x: Tensor, block_shape: list[int], paddings: Tensor) -> Tensor:
    """(N, C, H, W) -> (bh * bw * N, C, H' / bh, W' / bw), with a block-major batch axis."""
    (top, bottom), (left, right) = paddings.tolist()
    x = F.pad(x, [left, right, top, bottom])
    n, c, h, w = x.shape
    p, q = block_shape
    blocks = x.reshape(n, c, h // p, p, w // q, q).permute(3, 5, 0, 1, 2, 4)
    return blocks.reshape(p * q * n, c, h // p, w // q)


def batch_to_space(x: Tensor, block_shape: list[int], crops: Tensor) -> Tensor:
    """(bh * bw * N, C, H, W) -> (N, C, bh * H - crops, bw * W - crops)."""
    n, c, h, w = x.shape
    p, q = block_shape
    blocks = x.reshape(p, q, n // (p * q), c, h, w).permute(2, 3, 4, 0, 5, 1)
    return crop(blocks.reshape(n // (p * q), c, p * h, q * w), *crops.tolist())


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """(N, C * f * f, H, W) -> (N, C, f * H, f * W)."""
    return F.pixel_shuffle(x, upscale_factor)


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """(N, C, f * H, f * W) -> (N, C * f * f, H, W)."""
    return F.pixel_unshuffle(x, downscale_factor)


RULES: Mapping[str, Function] = {
    "reshape": reshape,
    "reshape_like": reshape_like,
    "expand_dims": expand_dims,
    "squeeze": squeeze,
    "transpose": transpose,
    "flatten2d": flatten2d,
    "concat": concat,
    "stack": stack,
    "split": split,
    "tile": tile,
    "reverse": reverse,
    "reverse_sequence": reverse_sequence,
    "pad": pad,
    "crop": crop,
    "band_part": band_part,
    "fill": fill,
    "fill_like": fill_like,
    "range_1d": range_1d,
    "shape": shape_of,
    "sliding_windows": sliding_windows,
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
    "space_to_batch": space_to_batch,
    "batch_to_space": batch_to_space,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
}
