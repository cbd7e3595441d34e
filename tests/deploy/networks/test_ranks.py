"""Tensors of rank 5 and 6 in an exported graph, and constants in it."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from slide_mobile.deploy.networks import constants, ranks

X = torch.randn(1, 6, 16, 32, generator=torch.Generator().manual_seed(0))


class Windows(nn.Module):
    """Windows of a map, products between their tokens, and the way back."""

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.view(b, c, h // 4, 4, w // 8, 8).permute(0, 2, 4, 3, 5, 1).reshape(-1, 32, c)
        q, k, v = x.reshape(len(x), 32, 3, 1, c // 3).permute(2, 0, 3, 1, 4).unbind(0)
        x = ((q @ k.transpose(-2, -1)).softmax(-1) @ v).reshape(h // 4, w // 8, 4, 8, c // 3)
        return x.permute(0, 2, 1, 3, 4).reshape(1, h, w, c // 3)


class FiveAxes(nn.Module):
    """Operations on five axes that are no views."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.reshape(2, 3, 4, 4, 32)
        y = y.roll((1, -2), (1, 3))[:, :, 1:, :, ::2]
        y = (y * y[:, :1]).softmax(-1).transpose(1, 3)
        return (y @ y.transpose(-2, -1)).sigmoid().flatten(1)


def graph(module: nn.Module) -> GraphModule:
    return torch.export.export(module.eval(), (X,)).module(check_guards=False)  # type: ignore[return-value]


@pytest.mark.parametrize("module", [Windows(), FiveAxes()])
def test_no_tensor_of_rank_5_is_left_and_no_bit_changes(module: nn.Module) -> None:
    lowered = graph(module)
    assert list(ranks.high(lowered))
    ranks.lower(lowered)
    assert not list(ranks.high(lowered))
    torch.testing.assert_close(lowered(X), module(X), rtol=1e-6, atol=1e-6)


def test_a_pixel_shuffle_is_swaps_of_blocks_because_exporters_write_it_at_rank_6() -> None:
    class Shuffled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.pixel_shuffle(x.reshape(1, 24, 8, 16), 2)

    lowered = graph(Shuffled())
    ranks.lower(lowered)
    targets = {str(node.target) for node in lowered.graph.nodes if node.op == "call_function"}
    assert targets == {"aten.reshape.default", "aten.permute.default"}
    assert torch.equal(lowered(X), Shuffled()(X))


@pytest.mark.parametrize("rank", [5, 6])
def test_every_permutation_is_a_few_swaps_of_blocks(rank: int) -> None:
    for order in list(itertools.permutations(range(rank)))[:: rank * 3]:
        now = tuple(range(rank))
        for first, middle, last in (found := ranks.swaps(order)):
            now = (*now[:first], *now[middle:last], *now[first:middle], *now[last:])
        assert now == order and len(found) <= 4


def test_axes_that_stay_together_are_one() -> None:
    size, order = ranks.collapsed((1, 4, 8, 4, 8, 60), (0, 1, 3, 2, 4, 5))
    assert (size, order) == ((4, 8, 4, 480), (0, 2, 1, 3))
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 1, 4, 5)
    size, order = ranks.collapsed(x.shape, (3, 4, 2, 0, 1))
    assert np.array_equal(
        x.reshape(size).transpose(order).ravel(), x.transpose(3, 4, 2, 0, 1).ravel()
    )


class Biased(nn.Module):
    """A bias that a small network computes from coordinates, and a mask cut from zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6))
        self.register_buffer("places", torch.rand(512, 2))

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.zeros(16, 32)
        mask[:4, -8:] = -100
        return x + self.mlp(self.places).t().reshape(1, 6, 16, 32) + mask


def test_what_no_image_changes_is_a_constant() -> None:
    module = Biased().eval()
    folded = graph(module)
    constants.fold(folded)
    calls = [node.target for node in folded.graph.nodes if node.op == "call_function"]
    assert calls == [torch.ops.aten.add.Tensor] * 2
    torch.testing.assert_close(folded(X), module(X))


def test_random_numbers_are_no_constants() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.rand(32)

    folded = graph(Noisy())
    constants.fold(folded)
    assert not torch.equal(folded(X), folded(X))
