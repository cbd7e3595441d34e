"""Where the range of an int8 activation is clipped."""

import numpy as np
import pytest

from slide_mobile.targets.calibration import SAMPLES, clipped, sample, sample_and_extremes


def squared_error(x: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    return float(np.square(np.clip(np.round(x / step) * step, low, high) - x).mean())


def limits(x: np.ndarray, *, symmetric: bool = False) -> tuple[float, float]:
    return clipped(x.astype(np.float32), symmetric=symmetric)


def test_a_lone_outlier_is_clipped_and_the_error_falls() -> None:
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    x[0] = 12.0
    low, high = limits(x)
    assert high < 12.0
    assert squared_error(x, low, high) < squared_error(x, float(x.min()), 12.0)


def test_an_even_spread_is_not_clipped() -> None:
    x = np.linspace(-3, 5, 10_000)
    assert limits(x) == pytest.approx((-3, 5))
    assert limits(x, symmetric=True) == pytest.approx((-5, 5))
    assert limits(-x, symmetric=True) == pytest.approx((-5, 5))
    assert limits(np.abs(x), symmetric=True) == pytest.approx((0, 5))


@pytest.mark.parametrize(("a", "b"), [(2.0, 5.0), (-5.0, -2.0)])
def test_zero_is_inside_the_range(a: float, b: float) -> None:
    low, high = limits(np.linspace(a, b, 1000))
    assert low <= 0 <= high


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_constant_zero_has_a_range(symmetric: bool) -> None:
    assert limits(np.zeros(10), symmetric=symmetric) == (0.0, 0.0)


def test_a_sample_has_so_many_values_and_the_extremes_where_they_are_asked_for() -> None:
    x = np.random.default_rng(1).normal(size=(3, 50, 100)).astype(np.float32)
    kept, more = (take(x, np.random.default_rng(0)) for take in (sample, sample_and_extremes))
    assert kept.shape == (SAMPLES,) and np.isin(kept, x).all()
    assert (more == [*kept, x.min(), x.max()]).all() and more.dtype == np.float32
    small = x[0, 0]
    assert (sample(small, np.random.default_rng(0)) == small).all()
