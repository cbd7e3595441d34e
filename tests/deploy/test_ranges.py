"""Ranges of a deploy form, and the headroom that makes large values smaller."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from slide_mobile import models
from slide_mobile.deploy import deploy, ranges
from slide_mobile.deploy.ranges import BIG
from slide_mobile.deploy.scale_stream import NO_HEADROOM, Headroom
from slide_mobile.models.layers.backbone import without_head
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize

Randomised = Callable[..., nn.Module]

TESTS = [name for name in models.names(tests=True) if models.spec(name).preset == "test"]
SIZE = (96, 128)


@pytest.fixture
def pixels() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, *SIZE), generator=draw).float()


def reference(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    rows = pixels.permute(0, 2, 3, 1).to(torch.uint8).numpy()
    with torch.no_grad():
        return model(torch.from_numpy(normalize(rows, IMAGENET)))


def over(deployed: nn.Module, pixels: torch.Tensor) -> dict[str, float]:
    """The modules whose values pass BIG, by path."""
    found = ranges.peaks(deployed, [pixels])
    paths = {module: path for path, module in deployed.named_modules()}
    return {paths[module]: peak for module, peak in found.items() if peak > BIG}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", TESTS)
def test_headroom_does_not_change_what_a_model_computes(
    name: str, layout: str, randomised: Randomised, pixels: torch.Tensor
) -> None:
    model = randomised(models.create(name, input_size=SIZE))
    room = Headroom(stream=(3, 1, 0, 7), embed=(2, 4, 1, 0))
    form = deploy(model, layout=layout, headroom=room)
    with torch.no_grad():
        assert sqnr_db(reference(model, pixels), form(pixels)) > 110


def test_peaks_are_those_of_each_modules_own_operations() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 1e6

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x - 3.0) * 1e-6

    outer = Outer()
    found = ranges.peaks(outer, [torch.ones(1), torch.zeros(1)])
    assert found == {outer: 3, outer.inner: 3e6}
    assert ranges.peaks(outer, [torch.full((1,), torch.inf)])[outer] > 1e30


@pytest.mark.parametrize("value", [900.0, 30_000.0])
@pytest.mark.parametrize("name", TESTS)
def test_a_large_channel_of_every_stage_is_made_smaller(
    name: str, value: float, pixels: torch.Tensor
) -> None:
    model = models.create(name, input_size=SIZE).requires_grad_(False)
    for part in model.stages():
        for fc2 in (m.mlp.fc2 for m in model.get_submodule(part.blocks)):
            fc2.bias[5] += value
    plain = deploy(model)
    before = over(plain, pixels)
    assert len([path for path in before if path.endswith("energy")]) >= 2
    room = ranges.headroom(plain, ranges.peaks(plain, [pixels]))
    assert max(room.stream) > 0
    roomy = deploy(model, headroom=room)
    assert over(roomy, pixels) == {}
    with torch.no_grad():
        assert sqnr_db(reference(model, pixels), roomy(pixels)) > 100


def test_ordinary_weights_need_no_headroom(pixels: torch.Tensor) -> None:
    for name in TESTS:
        form = deploy(models.create(name, input_size=SIZE))
        found = ranges.peaks(form, [pixels])
        assert max(found.values()) < BIG
        assert ranges.headroom(form, found) == NO_HEADROOM


def test_maps_of_a_backbone_keep_their_scale(pixels: torch.Tensor) -> None:
    model = without_head(models.create("slide_swin_test", input_size=SIZE)).eval()
    form = deploy(model, headroom=Headroom(stream=(4, 3, 2, 1)))
    with torch.no_grad():
        for old, new in zip(reference(model, pixels), form(pixels), strict=True):
            assert sqnr_db(old, new) > 110
