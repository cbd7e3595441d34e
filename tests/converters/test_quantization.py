"""Which operations are quantised, and how their ranges are chosen."""

import numpy as np
import pytest

from slide_mobile_converters.tflite.quantization import _range


def squared_error(x: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    return float(np.square(np.clip(np.round(x / step) * step, low, high) - x).mean())


def limits(x: np.ndarray) -> tuple[float, float]:
    found = _range(x.astype(np.float32))
    assert found["min"].shape == found["max"].shape == (1, 1, 1, 1)
    return float(found["min"].item()), float(found["max"].item())


def test_a_lone_outlier_is_clipped_and_the_error_falls() -> None:
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    x[0] = 12.0
    low, high = limits(x)
    assert high < 12.0
    assert squared_error(x, low, high) < squared_error(x, float(x.min()), 12.0)


def test_an_even_spread_is_not_clipped() -> None:
    low, high = limits(np.linspace(-3, 5, 10_000))
    assert (low, high) == pytest.approx((-3, 5))


@pytest.mark.parametrize(("a", "b"), [(2.0, 5.0), (-5.0, -2.0)])
def test_zero_is_inside_the_range(a: float, b: float) -> None:
    low, high = limits(np.linspace(a, b, 1000))
    assert low <= 0 <= high


def test_a_constant_zero_has_a_range() -> None:
    assert limits(np.zeros(10)) == (0.0, 0.0)
