"""Norms without a value inference in MIL, against their formulas in NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from one_operation import assert_same, run

draw = np.random.default_rng(3)


def floats(*shape: int) -> NDArray[np.float32]:
    return draw.normal(1, 2, size=shape).astype(np.float32)


@pytest.mark.parametrize("spatial", [(5,), (4, 5), (2, 3, 4)])
def test_a_batch_norm_uses_the_given_statistics(spatial: tuple[int, ...]) -> None:
    x, mean, gamma, beta = floats(2, 3, *spatial), floats(3), floats(3), floats(3)
    variance = np.abs(floats(3))
    channel = (3, *[1] * len(spatial))
    found = run(
        "batch_norm", {"x": x}, mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=0.1
    )
    scale = gamma / np.sqrt(variance + np.float32(0.1))
    expected = (x - mean.reshape(channel)) * scale.reshape(channel) + beta.reshape(channel)
    assert_same(found, [expected])
    plain = run("batch_norm", {"x": x}, mean=mean, variance=variance)
    deviation = np.sqrt(variance + np.float32(1e-5))
    assert_same(plain, [(x - mean.reshape(channel)) / deviation.reshape(channel)])


@pytest.mark.parametrize("spatial", [(5,), (4, 5)])
def test_an_instance_norm_uses_the_statistics_of_each_image(spatial: tuple[int, ...]) -> None:
    x, gamma, beta = floats(2, 3, *spatial), floats(3), floats(3)
    axes, channel = tuple(range(2, x.ndim)), (3, *[1] * len(spatial))
    centred = x - x.mean(axes, keepdims=True)
    normal = centred / np.sqrt(x.var(axes, keepdims=True) + np.float32(0.01))
    found = run("instance_norm", {"x": x}, gamma=gamma, beta=beta, epsilon=0.01)
    assert_same(found, [normal * gamma.reshape(channel) + beta.reshape(channel)])
    assert_same(run("instance_norm", {"x": x}, epsilon=0.01), [normal])


def test_a_local_response_norm_looks_at_neighbouring_channels() -> None:
    x = floats(2, 6, 3, 4)
    squares = np.pad(x**2, [(0, 0), (1, 1), (0, 0), (0, 0)])
    total = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    expected = x / (1.5 + 0.3 / 3 * total) ** 0.6
    found = run("local_response_norm", {"x": x}, size=3, alpha=0.3, beta=0.6, k=1.5)
    assert_same(found, [expected.astype(np.float32)])
