"""Convolution and its transpose, in one to three spatial dimensions."""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.rule import Function

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def spatial_padding(
    *,
    pad_type: str,
    pad: Sequence[int] | None,
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """Return the padding (before, after) of each spatial dimension; `kernel` includes dilation.

    If the total is odd, "same" puts the extra element after and "same_lower" puts it before, like
    BOTTOM_RIGHT_HEAVY and TOP_LEFT_HEAVY of Core ML's SamePadding. For even kernels the docstring
    of MIL's conv says the opposite. That contradicts its own description of "same_lower", and
    TensorFlow's SAME, from which the mode comes.
    """
    if pad_type == "custom":
        assert pad is not None
        return list(zip(pad[::2], pad[1::2], strict=True))
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    totals = [
        max(0, -(-i // s) * s - i + k - s) for i, k, s in zip(size, kernel, strides, strict=True)
    ]
    return [
        (t - t // 2, t // 2) if pad_type == "same_lower" else (t // 2, t - t // 2) for t in totals
    ]


def pad_spatial(x: Tensor, padding: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last dimensions by (before, after), in order; a negative amount crops."""
    return F.pad(x, [amount for pair in reversed(padding) for amount in pair], value=value)


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: list[int] | None = None,
    pad_type: str = "valid",
    pad: list[int] | None = None,
    dilations: list[int] | None = None,
    groups: int = 1,
) -> Tensor:
    """(N, C_in, *D), (C_out, C_in / groups, *K) -> (N, C_out, *D_out)."""
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    kernel = _dilated(weight, dilations)
    padding = spatial_padding(
        pad_type=pad_type, pad=pad, size=x.shape[2:], kernel=kernel, strides=strides
    )
    if all(before == after for before, after in padding):  # needs no padded copy
        inside = [before for before, _ in padding]
    else:
        x, inside = pad_spatial(x, padding), [0] * rank
    return _CONVOLUTIONS[rank](x, weight, bias, strides, inside, dilations, groups)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: list[int] | None = None,
    output_shape: list[int] | None = None,
    pad_type: str = "valid",
    strides: list[int] | None = None,
    dilations: list[int] | None = None,
    groups: int = 1,
) -> Tensor:
    """(N, C_in, *D), (C_in, C_out / groups, *K) -> (N, C_out, *D_out).

    The full result is cropped at the start by the padding that the forward convolution would have
    there, and then cropped or padded with zeros to the output size.
    """
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    kernel = _dilated(weight, dilations)
    full = _TRANSPOSED[rank](x, weight, None, strides, 0, 0, groups, dilations)
    if output_shape is not None:
        size = output_shape[2:]
    elif pad_type == "same":
        size = [d * s for d, s in zip(x.shape[2:], strides, strict=True)]
    else:
        size = list(full.shape[2:])
        if pad_type == "custom":
            assert pad is not None
            size = [s - sum(pad[2 * i : 2 * i + 2]) for i, s in enumerate(size)]
    before = spatial_padding(pad_type=pad_type, pad=pad, size=size, kernel=kernel, strides=strides)
    crop = [(-b, b + s - f) for (b, _), s, f in zip(before, size, full.shape[2:], strict=True)]
    y = pad_spatial(full, crop)
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def _dilated(weight: Tensor, dilations: Sequence[int]) -> list[int]:
    """Return the kernel size of each spatial dimension, including dilation."""
    return [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]


RULES: Mapping[str, Function] = {"conv": conv, "conv_transpose": conv_transpose}
