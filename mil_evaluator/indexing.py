"""Operations that read or write elements by position: slices, gathers and scatters.

To find the positions to write, an operation that writes applies the operation that reads to a
tensor of positions. Reading and writing therefore always use the same positions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mil_evaluator.rule import Function

# A position that occurs several times is updated several times, in order.
_UPDATES: Mapping[str, Callable[[Any, Any, Any], None]] = {
    "add": np.add.at,
    "sub": np.subtract.at,
    "mul": np.multiply.at,
    "div": np.divide.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
    "update": lambda target, places, values: target.__setitem__(places, values),
}


def slice_by_index(
    x: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None = None,
    begin_mask: list[bool] | None = None,
    end_mask: list[bool] | None = None,
    squeeze_mask: list[bool] | None = None,
) -> Tensor:
    """Return the slice begin:end:stride of every axis.

    A set `begin_mask` or `end_mask` means an open end; `squeeze_mask` takes one element of an axis
    and removes the axis.
    """
    none = [False] * x.ndim
    strides, opens, closes = stride or [1] * x.ndim, begin_mask or none, end_mask or none
    single = squeeze_mask or none
    for axis in range(x.ndim):
        size = x.shape[axis]
        first = None if opens[axis] else begin[axis]
        last = None if closes[axis] or single[axis] else end[axis]
        places = range(size)[slice(first, last, strides[axis])][: 1 if single[axis] else None]
        if places.step > 0:
            key = [slice(None)] * axis + [slice(places.start, places.stop, places.step)]
            x = x[tuple(key)]
        else:
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
    return x.squeeze([axis for axis in range(x.ndim) if single[axis]])


def slice_by_size(x: Tensor, begin: list[int], size: list[int]) -> Tensor:
    """Return `size` elements of every axis, starting at `begin`; -1 means all to the end."""
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        first %= x.shape[axis]
        x = x.narrow(axis, first, x.shape[axis] - first if count == -1 else count)
    return x


def slice_update(
    x: Tensor,
    update: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None = None,
    begin_mask: list[bool] | None = None,
    end_mask: list[bool] | None = None,
    squeeze_mask: list[bool] | None = None,
) -> Tensor:
    """Return x with `update` written to the slice that slice_by_index would read."""
    places = slice_by_index(_positions(x), begin, end, stride, begin_mask, end_mask, squeeze_mask)
    return _written(x, places, update, "update")


def gather(
    x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Gather slices of x; the result has shape x[:axis] + indices[batch_dims:] + x[axis + 1:].

    Negative indices count from the end. MIL defines them up to iOS16; from iOS17 on they are
    undefined.
    """
    axis %= x.ndim
    places = indices.long()
    places = torch.where(places < 0, places + x.shape[axis], places)
    if batch_dims:
        pairs = zip(x.unbind(0), places.unbind(0), strict=True)
        return torch.stack([gather(a, b, axis - 1, batch_dims - 1) for a, b in pairs])
    shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, places.flatten()).reshape(shape)


def gather_along_axis(
    x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool = False
) -> Tensor:
    """Gather the elements x[..., indices[..., i, ...], ...], in the shape of the indices."""
    places = indices.long()
    places = torch.where(places < 0, places + x.shape[axis], places)
    return torch.gather(x, axis, places)


def gather_nd(
    x: Tensor, indices: Tensor, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Gather x[indices[i, ..., :]]; the last axis of the indices holds coordinates."""
    if batch_dims:
        pairs = zip(x.unbind(0), indices.unbind(0), strict=True)
        return torch.stack([gather_nd(a, b, batch_dims - 1) for a, b in pairs])
    return x[tuple(indices.long().unbind(-1))]


def scatter(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return data, with the updates combined into the elements that gather would read."""
    return _written(data, gather(_positions(data), indices, axis), updates, mode)


def scatter_along_axis(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return data, with updates combined into the elements that gather_along_axis would read."""
    return _written(data, gather_along_axis(_positions(data), indices, axis), updates, mode)


def scatter_nd(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return data, with the updates combined into the elements that gather_nd would read."""
    return _written(data, gather_nd(_positions(data), indices), updates, mode)


def one_hot(
    indices: Tensor, one_hot_vector_size: int, on_value: Tensor, off_value: Tensor, axis: int = -1
) -> Tensor:
    """(*D) -> (*D with a new axis): on_value at each index, off_value elsewhere."""
    axis %= indices.ndim + 1
    classes = torch.arange(one_hot_vector_size).reshape(-1, *[1] * (indices.ndim - axis))
    return torch.where(indices.unsqueeze(axis) == classes, on_value, off_value)


def non_zero(x: Tensor) -> Tensor:
    """(*D) -> (N, rank): the coordinates of the elements that are not zero."""
    return torch.nonzero(x)


def _positions(x: Tensor) -> Tensor:
    """Return a tensor of the shape of x that holds the flat position of each element."""
    return torch.arange(x.numel()).reshape(x.shape)


def _written(data: Tensor, places: Tensor, values: Tensor, mode: str) -> Tensor:
    """Return a copy of data in which these flat positions are updated."""
    target = data.flatten().numpy().copy()
    _UPDATES[mode](target, places.flatten().numpy(), values.flatten().numpy())
    return torch.from_numpy(target).reshape(data.shape)


RULES: Mapping[str, Function] = {
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
    "slice_update": slice_update,
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "gather_nd": gather_nd,
    "scatter": scatter,
    "scatter_along_axis": scatter_along_axis,
    "scatter_nd": scatter_nd,
    "one_hot": one_hot,
    "non_zero": non_zero,
}
