"""Test cases: operations, and random inputs that are the same in every run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from one_operation import Arrays

Case = tuple[str, Arrays, dict[str, Any]]


class Draw:
    """Return random arrays of the given shapes; they depend on the order of the calls."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def floats(self, *shape: int, low: float = -3.0, high: float = 3.0) -> NDArray[np.float32]:
        return self._random.uniform(low, high, shape).astype(np.float32)

    def ints(self, *shape: int, low: int = -5, high: int = 5) -> NDArray[np.int32]:
        return self._random.integers(low, high, shape, endpoint=True).astype(np.int32)

    def bools(self, *shape: int) -> NDArray[np.bool_]:
        return self._random.random(shape) < 0.5


def ids(cases: list[Case]) -> list[str]:
    return [f"{i}-{case[0]}" for i, case in enumerate(cases)]
