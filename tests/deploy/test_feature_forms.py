"""Networks without a classifier: the four maps of the deploy form against the reference."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.deploy.rewriting import deploy
from slide_mobile.deploy.scale_stream import Unscaled
from slide_mobile.models.layers.backbone import Backbone, without_head
from slide_mobile.models.slide_pvt import PyramidVisionTransformer
from slide_mobile.parity import layerwise, parallel
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.preprocess import IMAGENET, normalize
from slide_mobile.tasks import Layout, channels_last

Randomised = Callable[..., nn.Module]
LAYOUTS: tuple[Layout, ...] = ("NHWC", "NCHW")
FAMILIES = [
    "slide_swin_test", "slide_pvt_test", "slide_pvt_v2_test", "slide_cswin_test", "slide_nat_test"
]  # fmt: skip
SIZE = (96, 160)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)


@torch.no_grad()
def reference_maps(backbone: nn.Module) -> list[np.ndarray]:
    """Return the maps of `stage_maps`, without the modules that are applied to outputs."""
    assert isinstance(backbone, Backbone)
    images = torch.from_numpy(normalize(PIXELS, IMAGENET))
    return [x.numpy() for x in backbone.stage_maps(images)]


def assert_same_maps(model: nn.Module, layout: Layout, expected: list[np.ndarray]) -> nn.Module:
    form = deploy(without_head(model), layout=layout)
    found = [channels_last(x, layout) for x in parallel.outputs(form, list(PIXELS))]
    assert [x.shape for x in found] == [x.shape for x in expected]
    assert [x.shape[1:3] for x in found] == [(24, 40), (12, 20), (6, 10), (3, 5)]
    # Measured 122.8 to 134.2 dB; the contract's floor for deploy forms is 100.
    assert min(sqnr_db(a, b) for a, b in zip(expected, found, strict=True)) > 115
    return form


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_map_is_the_reference_s(name: str, layout: Layout, randomised: Randomised) -> None:
    model = randomised(models.create(name, input_size=SIZE))
    assert_same_maps(model, layout, reference_maps(model))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_class_token_is_no_part_of_the_last_map(layout: Layout, randomised: Randomised) -> None:
    model = randomised(
        PyramidVisionTransformer(
            input_size=SIZE, num_classes=5, dims=(16, 32, 48, 64), depths=(1, 1, 1, 1),
            num_heads=(1, 2, 3, 4), mlp_ratios=(2, 2, 2, 2), class_token=True,
        )
    )  # fmt: skip
    *maps, row = reference_maps(model)
    assert row.shape == (2, 1, 16, 64)
    assert_same_maps(model, layout, [*maps, row[:, 0, 1:].reshape(2, 3, 5, 64)])


def test_gains_of_the_stream_are_undone_where_there_are_any(randomised: Randomised) -> None:
    def gains(name: str) -> list[float]:
        form = deploy(without_head(models.create(name)))
        return [1 / float(m.factor) for m in form.modules() if isinstance(m, Unscaled)]

    assert gains("slide_swin_test") == [0.5, 0.5, 0.25]  # 16 channels have a gain of 1
    assert gains("slide_pvt_v2_test") == []  # its stages end in norms


@pytest.mark.parametrize("name", FAMILIES)
def test_only_the_classifier_is_gone(name: str) -> None:
    model = models.create(name)
    bare = without_head(model)
    left_out = set(model.state_dict()) - set(bare.state_dict())
    norm = set() if name == "slide_pvt_v2_test" else {"norm.weight", "norm.bias"}
    assert left_out == norm | {"head.weight", "head.bias"}
    assert model.head is not None  # the argument is untouched
    dense = layerwise.dense(deploy(model)).keys() - layerwise.dense(deploy(bare)).keys()
    assert dense == {"head"}


def test_the_maps_are_those_behind_the_norm_of_each_stage() -> None:
    model = models.create("slide_pvt_v2_test")
    seen: list[Tensor] = []
    for i in range(1, 5):
        model.get_submodule(f"norm{i}").register_forward_hook(lambda *x: seen.append(x[-1]))
    with torch.no_grad():
        maps = without_head(model)(torch.zeros(1, 3, 64, 96))
    assert all(torch.equal(a, b) for a, b in zip(maps, seen, strict=True))
