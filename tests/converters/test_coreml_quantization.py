"""Grids that activations of Core ML packages are rounded to."""

import numpy as np
import pytest

from slide_mobile_converters.coreml.quantization import fit


def squared_error(x: np.ndarray, scale: float, low: int, high: int) -> float:
    return float(np.square(np.clip(np.round(x / scale), low, high) * scale - x).mean())


def test_a_lone_outlier_is_clipped_and_the_error_falls() -> None:
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    x[0] = 12.0
    grid = fit(x)
    assert (grid.low, grid.high) == (-127, 127) and grid.scale * 127 < 12
    assert squared_error(x, grid.scale, -127, 127) < squared_error(x, 12 / 127, -127, 127)


def test_a_tensor_without_negative_values_uses_all_eight_bits() -> None:
    grid = fit(np.linspace(0, 51, 1000, dtype=np.float32))
    assert (grid.low, grid.high) == (0, 255) and grid.scale == pytest.approx(0.2)


def test_a_constant_zero_has_a_grid() -> None:
    assert fit(np.zeros(10, np.float32)).scale == 1.0
