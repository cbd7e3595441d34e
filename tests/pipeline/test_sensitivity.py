"""Sensitivity to int8: the ranking of the modules, and how many of them must be in float."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slide_mobile.parity.metrics import EXACT_DB
from slide_mobile.pipeline import sensitivity
from slide_mobile.pipeline.sensitivity import ModuleSensitivity, enough
from slide_mobile.progress import silent

OUTLIER = 1e3


class Net(nn.Module):
    """Three linears; one input channel of `wide` is large, and its column of weights small."""

    def __init__(self, outlier: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 2, stride=2)
        self.wide, self.blocks = nn.Linear(16, 16), nn.ModuleList([nn.Linear(16, 16)])
        scale = torch.ones(16)
        scale[3] = outlier
        self.register_buffer("scale", scale)
        with torch.no_grad():
            self.wide.weight /= scale

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(x / 255)).permute(0, 2, 3, 1)
        x = torch.tanh(self.wide(x * self.scale))
        return self.blocks[0](x).mean((1, 2))


PATHS = ["conv", "wide", "blocks.0"]


def net(outlier: float) -> Net:
    torch.manual_seed(0)
    return Net(outlier).eval().requires_grad_(False)


@pytest.fixture
def images() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), dtype=np.uint8))


def measured(model: nn.Module, images: list[np.ndarray]) -> dict[str, float]:
    rows = sensitivity.measure(
        model, PATHS, calibration=images[:4], pixels=images[4:], progress=silent
    )
    assert [row.sqnr_db for row in rows] == sorted(row.sqnr_db for row in rows)
    return {row.module: row.sqnr_db for row in rows}


def test_a_module_behind_an_outlier_is_ranked_first(images) -> None:
    quiet, loud = measured(net(1.0), images), measured(net(OUTLIER), images)
    assert min(quiet.values()) > 30
    assert next(iter(loud)) == "wide" and loud["wide"] < 20
    for other in ("conv", "blocks.0"):
        assert loud[other] == pytest.approx(quiet[other], abs=0.1)


def test_an_outlier_among_weights_costs_its_row(images) -> None:
    model = net(1.0)
    model.conv.weight[:, 0] = 0
    model.blocks[0].weight[:, 5] *= 0
    model.blocks[0].weight[0, 5] = OUTLIER  # channel 5 is nothing but rounding ...
    model.wide.weight[5], model.wide.bias[5] = 0, 0  # ... because it is 0
    assert next(iter(measured(model, images))) == "blocks.0"


def test_the_model_is_as_before(images) -> None:
    model = net(OUTLIER)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    measured(model, images)
    assert all(torch.equal(before[name], x) for name, x in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_the_same_images_give_the_same_numbers(images) -> None:
    assert measured(net(OUTLIER), images) == measured(net(OUTLIER), images)


def test_values_of_eight_bits_cost_nothing() -> None:
    model = nn.Sequential(nn.Flatten(1), nn.Linear(3, 1, bias=False)).eval().requires_grad_(False)
    model[1].weight.copy_(torch.tensor([[127.0, 0.0, 0.0]]))
    image = np.array([[[255, 0, 0]]], np.uint8)
    (row,) = sensitivity.measure(model, ["1"], calibration=[image], pixels=[image], progress=silent)
    assert row.sqnr_db == EXACT_DB


def test_a_path_that_is_no_dense_module_is_refused(images) -> None:
    with pytest.raises(ValueError, match=r"not dense modules of this deploy form: blocks\.7"):
        sensitivity.measure(
            net(1.0), ["conv", "blocks.7"], calibration=images, pixels=images, progress=silent
        )


def ranking(*dbs: float) -> list[ModuleSensitivity]:
    return [ModuleSensitivity(module=f"m{i}", sqnr_db=db) for i, db in enumerate(dbs)]


@pytest.mark.parametrize(
    ("given", "measured_db", "wanted_db", "count"),
    [
        # The noise powers are 0.1, 0.01, 0.001 and 0.001; together 0.112, which is 9.51 dB.
        (0, 9.51, 19.0, 1),  # 0.012 is left, 0.0126 is allowed
        (0, 9.51, 20.0, 2),  # 0.002 is left, 0.01 is allowed
        (0, 9.51, 27.5, 3),  # 0.001 is left, 0.0018 is allowed
        (0, 9.51, 99.0, 4),
        (0, 6.51, 19.0, 2),  # a file twice as noisy as PyTorch's: 0.024 would be left of 0.0126
        (0, 12.5, 22.0, 1),  # and one half as noisy: 0.006 of 0.0063
        (1, 18.0, 20.0, 2),  # 0.002 of 0.0076
        (1, 30.0, 20.0, 2),  # at least one more
        (0, -EXACT_DB, 20.0, 4),
    ],
)
def test_as_few_modules_as_the_floor_needs(
    given: int, measured_db: float, wanted_db: float, count: int
) -> None:
    found = enough(
        ranking(10, 20, 30, 30), given=given, measured_db=measured_db, wanted_db=wanted_db
    )
    assert found == count
