"""Convolution and pooling, against loops written from MIL's docstrings."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from one_operation import assert_same, run
from torch import nn

Array = NDArray[np.float32]

draw = np.random.default_rng(11)


def floats(*shape: int) -> Array:
    return draw.normal(size=shape).astype(np.float32)


def convolved(
    x: Array,
    weight: Array,
    pads: Sequence[tuple[int, int]],
    strides: Sequence[int],
    dilations: Sequence[int],
    groups: int,
) -> Array:
    """Compute a convolution one output element at a time."""
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    kernel = weight.shape[2:]
    size = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(x.shape[2:], kernel, dilations, strides, strict=True)
    ]
    out = np.zeros((len(x), len(weight), *size), np.float64)
    per_group, outputs_per_group = weight.shape[1], len(weight) // groups
    for channel in range(len(weight)):
        first = channel // outputs_per_group * per_group
        for place in product(*map(range, size)):
            window = tuple(
                slice(p * s, p * s + (k - 1) * d + 1, d)
                for p, s, k, d in zip(place, strides, kernel, dilations, strict=True)
            )
            seen = x[(slice(None), slice(first, first + per_group), *window)]
            out[(slice(None), channel, *place)] = (
                (seen * weight[channel]).reshape(len(x), -1).sum(1)
            )
    return out.astype(np.float32)


def spread(
    x: Array, weight: Array, strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Array:
    """Compute a transposed convolution without padding: each input element adds its kernel."""
    kernel = weight.shape[2:]
    size = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(x.shape[2:], strides, kernel, dilations, strict=True)
    ]
    per_group = x.shape[1] // groups
    out = np.zeros((len(x), weight.shape[1] * groups, *size), np.float64)
    for channel in range(x.shape[1]):
        first = channel // per_group * weight.shape[1]
        outputs = slice(first, first + weight.shape[1])
        for place in product(*map(range, x.shape[2:])):
            window = tuple(
                slice(p * s, p * s + (k - 1) * d + 1, d)
                for p, s, k, d in zip(place, strides, kernel, dilations, strict=True)
            )
            value = x[(slice(None), channel, *place)]
            out[(slice(None), outputs, *window)] += np.multiply.outer(value, weight[channel])
    return out.astype(np.float32)


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "dilations", "groups", "pads"),
    [
        ((5, 7), (3, 2), (1, 1), (1, 1), 1, ((0, 0), (0, 0))),
        ((5, 7), (3, 3), (2, 1), (1, 2), 2, ((1, 0), (2, 3))),
        ((6, 5), (3, 3), (1, 1), (1, 1), 4, ((1, 1), (1, 1))),
        ((9,), (3,), (2,), (2,), 2, ((0, 3),)),
        ((4, 5, 3), (2, 3, 1), (1, 2, 1), (1, 1, 1), 1, ((1, 0), (0, 1), (0, 0))),
    ],
)
def test_a_convolution_sums_its_windows(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    pads: tuple[tuple[int, int], ...],
) -> None:
    x, weight, bias = floats(2, 4, *size), floats(8, 4 // groups, *kernel), floats(8)
    found = run(
        "conv",
        {"x": x},
        weight=weight,
        bias=bias,
        strides=strides,
        dilations=dilations,
        groups=groups,
        pad_type="custom",
        pad=[amount for pair in pads for amount in pair],
    )
    expected = convolved(x, weight, pads, strides, dilations, groups)
    assert_same(found, [expected + bias.reshape(-1, *[1] * len(size))])


@pytest.mark.parametrize(
    ("pad_type", "size", "kernel", "stride", "pads"),
    [
        ("valid", 6, 3, 1, (0, 0)),
        ("same", 5, 4, 1, (1, 2)),
        ("same_lower", 5, 4, 1, (2, 1)),
        ("same", 8, 3, 2, (0, 1)),
        ("same_lower", 8, 3, 2, (1, 0)),
        ("same", 7, 3, 2, (1, 1)),
        ("same", 7, 2, 3, (0, 1)),
        ("same", 8, 1, 2, (0, 0)),
    ],
)
def test_padding_by_name_is_tensorflows(
    pad_type: str, size: int, kernel: int, stride: int, pads: tuple[int, int]
) -> None:
    x, weight = floats(1, 2, size), floats(3, 2, kernel)
    found = run("conv", {"x": x}, weight=weight, strides=[stride], pad_type=pad_type)
    assert_same(found, [convolved(x, weight, [pads], [stride], [1], 1)])


def test_a_convolution_takes_its_weight_as_an_input() -> None:
    x, weight = floats(1, 2, 5, 5), floats(3, 2, 3, 3)
    expected = convolved(x, weight, [(0, 0), (0, 0)], [1, 1], [1, 1], 1)
    assert_same(run("conv", {"x": x, "weight": weight}), [expected])


@pytest.mark.parametrize(
    ("kernel", "strides", "dilations", "groups"),
    [((3, 2), (1, 1), (1, 1), 1), ((2, 3), (2, 3), (1, 2), 2), ((1, 2), (3, 1), (1, 1), 4)],
)
def test_a_transposed_convolution_spreads_its_kernels(
    kernel: tuple[int, int], strides: tuple[int, int], dilations: tuple[int, int], groups: int
) -> None:
    x, weight = floats(2, 4, 3, 4), floats(4, 3, *kernel)
    bias = floats(3 * groups)
    same: dict[str, Any] = {
        "weight": weight,
        "bias": bias,
        "strides": strides,
        "dilations": dilations,
        "groups": groups,
    }
    full = spread(x, weight, strides, dilations, groups) + bias[:, None, None]
    assert_same(run("conv_transpose", {"x": x}, **same), [full])
    found = run("conv_transpose", {"x": x}, **same, pad_type="custom", pad=[1, 0, 0, 2])
    assert_same(found, [full[:, :, 1:, :-2]])


@pytest.mark.parametrize(
    ("kernel", "stride", "cut"), [(4, 2, (1, 1)), (3, 2, (0, 1)), (4, 1, (1, 2)), (2, 3, (0, -1))]
)
def test_a_transposed_convolution_of_the_same_size_inverts_the_padding(
    kernel: int, stride: int, cut: tuple[int, int]
) -> None:
    x, weight = floats(1, 2, 5), floats(2, 3, kernel)
    full = np.pad(spread(x, weight, [stride], [1], 1), [(0, 0), (0, 0), (0, 4)])
    found = run("conv_transpose", {"x": x}, weight=weight, strides=[stride], pad_type="same")
    assert_same(found, [full[:, :, cut[0] : cut[0] + 5 * stride]])


def test_a_transposed_convolution_is_filled_up_to_its_output_shape() -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1)
    x = floats(1, 2, 4, 5)
    found = run(
        "conv_transpose",
        {"x": x},
        weight=layer.weight.detach().numpy(),
        bias=layer.bias.detach().numpy(),
        strides=[2, 2],
        pad_type="custom",
        pad=[1, 1, 1, 1],
        output_shape=[1, 3, 8, 10],
    )
    assert_same(found, [layer(torch.from_numpy(x)).detach().numpy()])


def pooled(
    kind: str, x: Array, kernel: int, stride: int, pads: tuple[int, int], excluded: bool
) -> Array:
    """Pool the last axis one window at a time."""
    before, after = pads
    size = (x.shape[-1] + before + after - kernel) // stride + 1
    out = []
    for place in range(size):
        first = place * stride - before
        seen = x[..., max(first, 0) : first + kernel]
        if kind == "max_pool":
            out.append(seen.max(-1))
        elif kind == "l2_pool":
            out.append(np.sqrt((seen**2).sum(-1)))
        else:
            out.append(seen.sum(-1) / (seen.shape[-1] if excluded else kernel))
    return np.stack(out, -1).astype(np.float32)


@pytest.mark.parametrize("kind", ["max_pool", "l2_pool", "avg_pool"])
@pytest.mark.parametrize(
    ("pad_type", "size", "kernel", "stride", "pads"),
    [
        ("valid", 7, 3, 2, (0, 0)),
        ("custom", 7, 3, 2, (1, 2)),
        ("same", 8, 3, 2, (0, 1)),
        ("same_lower", 8, 3, 2, (1, 0)),
    ],
)
def test_a_pool_reduces_its_windows(
    kind: str, pad_type: str, size: int, kernel: int, stride: int, pads: tuple[int, int]
) -> None:
    x = floats(2, 3, size)
    attributes: dict[str, Any] = {
        "kernel_sizes": [kernel],
        "strides": [stride],
        "pad_type": pad_type,
    }
    if pad_type == "custom":
        attributes["pad"] = pads
    found = run(kind, {"x": x}, **attributes)
    assert_same(found, [pooled(kind, x, kernel, stride, pads, excluded=False)])


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_a_pool_works_in_three_dimensions(kind: str) -> None:
    x = floats(1, 2, 4, 5, 6)
    layer = (
        nn.MaxPool3d((2, 3, 2), (1, 2, 2))
        if kind == "max_pool"
        else nn.AvgPool3d((2, 3, 2), (1, 2, 2))
    )
    found = run(kind, {"x": x}, kernel_sizes=[2, 3, 2], strides=[1, 2, 2], pad_type="valid")
    assert_same(found, [layer(torch.from_numpy(x)).numpy()])


@pytest.mark.parametrize("excluded", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(7, 2), (8, 3), (6, 4)])
def test_an_average_counts_padding_as_pytorch_does(
    size: int, stride: int, ceil_mode: bool, excluded: bool
) -> None:
    x = floats(1, 2, size, size + 1)
    layer = nn.AvgPool2d(3, stride, 1, ceil_mode, count_include_pad=not excluded)
    found = run(
        "avg_pool",
        {"x": x},
        kernel_sizes=[3, 3],
        strides=[stride, stride],
        pad_type="custom",
        pad=[1, 1, 1, 1],
        ceil_mode=ceil_mode,
        exclude_padding_from_average=excluded,
    )
    assert_same(found, [layer(torch.from_numpy(x)).numpy()])


@pytest.mark.parametrize(("size", "stride"), [(7, 2), (8, 3), (6, 4)])
def test_a_maximum_rounds_its_size_up_as_pytorch_does(size: int, stride: int) -> None:
    x = floats(1, 2, size) - 5
    layer = nn.MaxPool1d(3, stride, 1, ceil_mode=True)
    found = run(
        "max_pool",
        {"x": x},
        kernel_sizes=[3],
        strides=[stride],
        pad_type="custom",
        pad=[1, 1],
        ceil_mode=True,
    )
    assert_same(found, [layer(torch.from_numpy(x)).numpy()])
