"""Layer-wise error: a module's own error is separated from the errors of earlier modules."""

import numpy as np
import pytest
import torch
from torch import nn

from slide_mobile.parity import layerwise
from slide_mobile.parity.metrics import EXACT_DB


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x).permute(0, 2, 3, 1)
        for block in self.blocks:
            x = torch.tanh(block(x))
        return x


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, (4, 6, 3), dtype=np.uint8)


class File:
    """A converted file that computes what `net` computes."""

    def __init__(self, net: nn.Module, *, hidden: tuple[str, ...] = ()) -> None:
        self.net, self.hidden = net, hidden

    def activations(self, path: object, image: np.ndarray) -> dict[str, np.ndarray]:
        found = layerwise.activations(self.net, image)
        return {name: x for name, x in found.items() if name not in self.hidden}


def test_a_faulty_module_is_blamed_and_those_behind_it_are_not(net: Net, image) -> None:
    faulty = Net()
    faulty.load_state_dict(net.state_dict())
    with torch.no_grad():
        faulty.blocks[1].bias += 1.0
    rows = layerwise.modules(File(faulty), None, net, image[None])  # type: ignore[arg-type]
    assert rows[0].module == "blocks.1" and rows[0].own_db < 20
    by_name = {row.module: row for row in rows}
    assert by_name["blocks.2"].sqnr_db < 40 and by_name["blocks.2"].own_db > 100
    assert by_name["blocks.0"].sqnr_db == EXACT_DB
    assert [row.module for row in sorted(rows, key=lambda row: row.order)] == [
        "conv", "blocks.0", "blocks.1", "blocks.2",
    ]  # fmt: skip


def test_what_a_file_hides_is_blamed_on_the_next_module(net: Net, image) -> None:
    faulty = Net()
    faulty.load_state_dict(net.state_dict())
    with torch.no_grad():
        faulty.blocks[0].weight *= 1.5
    file = File(faulty, hidden=("blocks.0",))
    rows = layerwise.modules(file, None, net, image[None])  # type: ignore[arg-type]
    assert rows[0].module == "blocks.1"
    assert "blocks.0" not in {row.module for row in rows}


def test_names_without_containers_are_understood(net: Net, image) -> None:
    class Flat(File):
        def activations(self, path: object, image: np.ndarray) -> dict[str, np.ndarray]:
            found = super().activations(path, image)
            return {name.replace("blocks.", ""): x for name, x in found.items()}

    rows = layerwise.modules(Flat(net), None, net, image[None])  # type: ignore[arg-type]
    assert {row.module for row in rows} == {"conv", "blocks.0", "blocks.1", "blocks.2"}
    assert all(row.own_db == EXACT_DB for row in rows)
