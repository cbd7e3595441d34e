"""Properties of every family: stages, batches, layer scale, and refused input sizes."""

import pytest
import torch
from torch import nn

from slide_mobile import models
from slide_mobile.errors import UsageError
from slide_mobile.models.layers.backbone import Block, Mlp

TESTS = [name for name in models.names(tests=True) if models.spec(name).preset == "test"]
FAMILIES = {"slide_swin", "slide_pvt", "slide_pvt_v2", "slide_cswin", "slide_nat"}


def test_every_family_has_a_small_network_for_tests() -> None:
    assert {models.spec(name).family for name in TESTS} == FAMILIES


@pytest.mark.parametrize("slide_stages", [0, 1, 2])
@pytest.mark.parametrize("name", TESTS)
def test_a_batch_gives_the_same_logits_as_its_images_alone(name, slide_stages, randomised) -> None:
    model = models.create(name, input_size=(96, 160), slide_stages=slide_stages)
    x = torch.randn(3, 3, 96, 160)
    with torch.no_grad():
        model = randomised(model)
        alone = torch.cat([model(image[None]) for image in x])
        torch.testing.assert_close(model(x), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TESTS)
def test_stages_are_at_strides_4_8_16_and_32(name, randomised) -> None:
    model = randomised(models.create(name, input_size=(96, 160)))
    image = torch.randn(2, 3, 96, 160)
    with torch.no_grad():
        maps = list(model.stage_maps(image))
        assert [tuple(x.shape[1:3]) for x in maps] == [(24, 40), (12, 20), (6, 10), (3, 5)]
        torch.testing.assert_close(model.classify(maps[-1]), model(image))
    for part, x in zip(model.stages(), maps, strict=True):
        blocks = list(model.get_submodule(part.blocks).children())
        assert blocks and all(isinstance(block, Block) for block in blocks)
        assert isinstance(model.get_submodule(part.embed), nn.Module)
        dims = {block.norm1.normalized_shape for block in blocks}
        assert dims == {(x.shape[-1],)}
        if part.norm is not None:
            assert isinstance(model.get_submodule(part.norm), nn.LayerNorm)
    assert isinstance(model.get_submodule(model.NORM), nn.LayerNorm)


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(("size", "nearest"), [((97, 96), "96x96"), ((9999, 128), "2048x128")])
def test_an_input_size_off_the_stride_is_refused_with_the_nearest(name, size, nearest) -> None:
    with pytest.raises(UsageError, match=f"does not fit: .*; the nearest is {nearest}"):
        models.create(name, input_size=size)


def test_a_block_scales_what_it_adds(randomised) -> None:
    mix = nn.Linear(8, 8)
    block = randomised(Block(8, mix, Mlp(8, 16), eps=1e-3, layer_scale=0.5))
    assert block.gamma1.std() > 0.1 and block.gamma2.std() > 0.1
    x = torch.randn(2, 3, 4, 8)
    with torch.no_grad():
        expected = x + mix(block.norm1(x)) * block.gamma1
        expected = expected + block.mlp(block.norm2(expected)) * block.gamma2
        torch.testing.assert_close(block(x), expected)
    assert block.norm1.eps == block.norm2.eps == 1e-3
