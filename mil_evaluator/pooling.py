"""Average, maximum and L2 pooling, in one to three spatial dimensions."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mil_evaluator.convolution import pad_spatial, spatial_padding
from mil_evaluator.rule import Function

Padding = list[tuple[int, int]]


def avg_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """(N, C, *D) -> (N, C, *D_out): the mean of each window.

    Elements that ceil_mode adds beyond the padding are never counted, as in PyTorch.
    """
    strides = strides or [1] * len(kernel_sizes)
    padding, extra = _padding(x, kernel_sizes, pad_type, strides, pad, ceil_mode)
    counted = torch.ones_like(x[:1, :1])
    counted = pad_spatial(counted, padding, 0.0 if exclude_padding_from_average else 1.0)
    total = _windows(pad_spatial(pad_spatial(x, padding), extra), kernel_sizes, strides)
    count = _windows(pad_spatial(counted, extra), kernel_sizes, strides)
    return total.sum(-1) / count.sum(-1)


def max_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(N, C, *D) -> (N, C, *D_out): the maximum of each window, ignoring padding."""
    strides = strides or [1] * len(kernel_sizes)
    padding, extra = _padding(x, kernel_sizes, pad_type, strides, pad, ceil_mode)
    padded = pad_spatial(pad_spatial(x, padding, -torch.inf), extra, -torch.inf)
    return _windows(padded, kernel_sizes, strides).amax(-1)


def l2_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(N, C, *D) -> (N, C, *D_out): the root of the sum of squares over each window."""
    strides = strides or [1] * len(kernel_sizes)
    padding, extra = _padding(x, kernel_sizes, pad_type, strides, pad, ceil_mode)
    padded = pad_spatial(pad_spatial(x, padding), extra)
    return _windows(padded, kernel_sizes, strides).square().sum(-1).sqrt()


def _padding(
    x: Tensor,
    kernel: list[int],
    pad_type: str,
    strides: list[int],
    pad: list[int] | None,
    ceil_mode: bool,
) -> tuple[Padding, Padding]:
    """Return the requested padding, and what ceil_mode adds at the end (negative without it).

    With ceil_mode, a last window that would start in the padding after x is dropped, as in PyTorch.
    """
    size = x.shape[2:]
    padding = spatial_padding(pad_type=pad_type, pad=pad, size=size, kernel=kernel, strides=strides)
    extra = []
    for i, k, s, (before, after) in zip(size, kernel, strides, padding, strict=True):
        rest = i + before + after - k
        count = (-(-rest // s) if ceil_mode else rest // s) + 1
        if ceil_mode and before + after > 0 and (count - 1) * s >= i + before:
            count -= 1
        extra.append((0, (count - 1) * s - rest))
    return padding, extra


def _windows(x: Tensor, kernel: list[int], strides: list[int]) -> Tensor:
    """(N, C, *D) -> (N, C, *D_out, K): the elements of every window on the last axis."""
    rank = len(kernel)
    for axis in range(rank):
        x = x.unfold(2 + axis, kernel[axis], strides[axis])
    return x.flatten(2 + rank)


RULES: Mapping[str, Function] = {"avg_pool": avg_pool, "max_pool": max_pool, "l2_pool": l2_pool}
