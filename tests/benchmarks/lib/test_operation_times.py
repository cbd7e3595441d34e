"""What interrupts an inference does not make it longer."""

import numpy as np
import pytest

from benchmarks.lib.operation_times import PIECE_US, undisturbed

DRAW = np.random.default_rng(0)


def test_interrupted_pieces_are_taken_from_another_run() -> None:
    times = np.full((6, 30), 100)
    for run in range(6):
        times[run, 5 * run : 5 * run + 3] += 4_000  # no run is whole
    assert times.sum(1).min() > 10_000
    assert undisturbed(times) == 3_000


def test_rounding_of_short_operations_evens_out() -> None:
    exact = DRAW.uniform(0.2, 3.0, 2_000)
    clock = np.floor(np.cumsum(exact) + DRAW.uniform(0, 1, (40, 1)))
    times = np.diff(clock, prepend=0, axis=1).astype(int)
    assert times.min(0).sum() < 0.8 * exact.sum()  # the least of each operation alone is too little
    assert undisturbed(times) == pytest.approx(exact.sum(), rel=0.01)


def test_one_operation_is_one_piece() -> None:
    assert undisturbed(np.array([[10 * PIECE_US], [12 * PIECE_US]])) == 10 * PIECE_US
