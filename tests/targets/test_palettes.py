"""Palettes of weights: which tensors get how many bits, and how good the tables are."""

import numpy as np
import pytest

from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets.palettes import bits_by_size, palette
from slide_mobile_converters.coreml.compression import cluster, kmeans


def test_the_smallest_tensors_get_the_larger_palette() -> None:
    sizes = {"large": 700, "first": 10, "middle": 200, "second": 90}
    found = bits_by_size(sizes, most=4, small=6)
    assert found == {"first": 6, "second": 6, "middle": 4, "large": 4}


def test_a_palette_is_the_best_one() -> None:
    # Three tight groups: exact k-means finds them, a uniform grid would not.
    weight = np.array([[0.0, 0.01, 5.0], [5.01, 5.02, 9.0]], np.float16)
    centres, indices = palette(2, weight, cluster)
    assert centres.dtype == np.float16 and indices.dtype == np.uint8
    assert np.abs(centres[indices].reshape(2, 3) - weight).max() < 0.02
    few = np.random.default_rng(0).choice(np.array([-1, 2, 3, 7], np.float16), (8, 8))
    centres, indices = palette(2, few, cluster)
    np.testing.assert_array_equal(centres[indices].reshape(8, 8), few)


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("freedom", [3, 300])  # of Student's t: heavy tails, none
def test_rounding_before_the_search_costs_a_palette_next_to_nothing(
    bits: int, freedom: int
) -> None:
    weight = np.random.default_rng(0).standard_t(freedom, (96, 64)).astype(np.float16)
    best, members = kmeans(bits, weight, force_kmeans1d=True)
    centres, indices = palette(bits, weight, cluster)
    flat = weight.reshape(-1).astype(np.float32)
    # Measured: 0.015 dB at most, with 8 bits.
    assert sqnr_db(flat, centres[indices]) > sqnr_db(flat, best[members]) - 0.02
