"""The start of a stage: embedding, positions, pixels and norm, each against its reference."""

import copy
from collections.abc import Callable

import pytest
import torch
from exactness import assert_same, assert_turned
from torch import Tensor, nn

from slide_mobile.deploy.centre_norms import CentredAffine, WholeNorm, centre_norms
from slide_mobile.deploy.channels_first import turn
from slide_mobile.deploy.fix_positions import PlacedEmbed, fix_positions
from slide_mobile.deploy.fold_layer_scale import fold_layer_scale
from slide_mobile.deploy.fold_pixels import fold_pixels
from slide_mobile.deploy.map_convs import MapConv, map_convs
from slide_mobile.deploy.map_embeds import MapEmbed, map_embeds
from slide_mobile.deploy.rewriting import apply
from slide_mobile.models import slide_pvt, slide_pvt_v2, slide_swin
from slide_mobile.models.layers.backbone import Block, ConvEmbed, Mlp
from slide_mobile.models.layers.slide_attention import Im2ColAttention
from slide_mobile.models.slide_cswin import ImageEmbed, Merge
from slide_mobile.models.slide_nat import ConvDownsampler, ConvTokenizer
from slide_mobile.models.slide_pvt import PyramidVisionTransformer
from slide_mobile.preprocess import Normalization, normalize

Randomised = Callable[..., nn.Module]

ODD = Normalization(mean=(0.1, 0.5, 0.9), std=(0.2, 0.3, 0.4))
OF_IMAGES: dict[str, Callable[[], ConvEmbed]] = {
    "patches": lambda: slide_swin.PatchEmbed(12),
    "padded": lambda: slide_pvt_v2.OverlapPatchEmbed(3, 12, 7, 4),
    "padded unevenly": lambda: ImageEmbed(12),
    "two convolutions": lambda: ConvTokenizer(12),
}
OF_MAPS: dict[str, Callable[[], ConvEmbed]] = {
    "patches": lambda: slide_pvt.PatchEmbed(6, 12, 2),
    "padded": lambda: Merge(6),
    "without bias": lambda: ConvDownsampler(6),
}


def image() -> Tensor:
    return torch.randn(1, 3, 20, 28, generator=torch.Generator().manual_seed(1))


def pixels() -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (1, 3, 20, 28), generator=draw).float()


@pytest.mark.parametrize("kind", OF_IMAGES)
def test_an_embedding_of_an_image_is_exact(kind: str, randomised: Randomised) -> None:
    old = randomised(OF_IMAGES[kind]())
    mapped = map_embeds(copy.deepcopy(old))
    assert isinstance(mapped, MapEmbed) and mapped.takes_image
    assert_same(mapped, old, image())
    new = centre_norms(mapped)
    assert isinstance(new.last_norm(), CentredAffine)
    assert_same(new, old, image())


@pytest.mark.parametrize("kind", OF_MAPS)
def test_an_embedding_of_a_map_is_exact_in_either_layout(kind: str, randomised: Randomised) -> None:
    old, x = randomised(OF_MAPS[kind]()), torch.randn(1, 6, 10, 6)
    new = centre_norms(map_embeds(copy.deepcopy(old)))
    assert not new.takes_image
    assert_same(new, old, x)
    assert_turned(new, x)


@pytest.mark.parametrize("kind", OF_IMAGES)
def test_fold_pixels_is_exact_at_the_border_too(kind: str, randomised: Randomised) -> None:
    old = randomised(OF_IMAGES[kind]())
    new = fold_pixels(centre_norms(map_embeds(copy.deepcopy(old))), by=ODD)
    whole = bool((new.middle == 128).all())
    assert whole == (kind == "patches")  # integers, where nothing is padded

    def normalised(x: Tensor) -> Tensor:
        return old(torch.from_numpy(normalize(x.permute(0, 2, 3, 1).byte().numpy(), ODD)))

    assert_same(new, normalised, pixels())


@pytest.mark.parametrize("kind", OF_IMAGES)
def test_an_embedding_of_pixels_is_exact_in_either_layout(
    kind: str, randomised: Randomised
) -> None:
    last = fold_pixels(centre_norms(map_embeds(randomised(OF_IMAGES[kind]()))), by=ODD).double()
    first = turn(copy.deepcopy(last)).double()
    found = first(pixels().double()).permute(0, 2, 3, 1)
    torch.testing.assert_close(found, last(pixels().double()), rtol=1e-6, atol=1e-6)


def test_fold_pixels_leaves_embeddings_of_maps_alone(randomised: Randomised) -> None:
    assert fold_pixels(map_embeds(randomised(Merge(6))), by=ODD) is None


@pytest.mark.parametrize("size", [(96, 160), (224, 224)])
@pytest.mark.parametrize("class_token", [False, True])
def test_positions_are_exact_in_either_layout(
    size: tuple[int, int], class_token: bool, randomised: Randomised
) -> None:
    dims = (8, 12, 16, 24)
    old = randomised(
        PyramidVisionTransformer(
            dims=dims,
            depths=(1, 1, 1, 1),
            num_heads=(1, 2, 2, 3),
            input_size=size,
            class_token=class_token,
        )
    )
    new = fix_positions(apply(map_embeds, copy.deepcopy(old)))
    for stage, (part, came) in enumerate(zip(old.stages(), (3, *dims), strict=False), 1):
        assert getattr(new, f"pos_embed{stage}") is None
        embed, placed = old.get_submodule(part.embed), new.get_submodule(part.embed)
        assert isinstance(placed, PlacedEmbed)
        placed = centre_norms(placed).double()
        first = turn(copy.deepcopy(placed)).double()
        assert placed.has_token == (class_token and stage == 4)
        h, w = (side >> stage for side in size)
        x = torch.randn(1, came, h, w) if stage > 1 else torch.randn(1, 3, *size)
        last = x.permute(0, 2, 3, 1) if stage > 1 else x
        with torch.no_grad():
            expected = old.placed(stage, embed(last)).double()
            torch.testing.assert_close(placed(last.double()), expected, rtol=1e-5, atol=1e-5)
            found = first(x.double()).permute(0, 2, 3, 1)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_depthwise_convolution_between_linears_is_exact(randomised: Randomised) -> None:
    old, x = randomised(slide_pvt_v2.DepthwiseConv(12)), torch.randn(1, 5, 7, 12)
    new = map_convs(old)
    assert isinstance(new, MapConv)
    assert_same(new, old, x)
    first = assert_turned(new, x)
    program = torch.export.export(first, (x.permute(0, 3, 1, 2).contiguous(),))
    assert not any("permute" in str(node.target) for node in program.graph.nodes)


def test_fold_layer_scale_is_exact(randomised: Randomised) -> None:
    old = randomised(Block(12, Im2ColAttention(12, 3), Mlp(12, 24), layer_scale=0.5))
    new = fold_layer_scale(copy.deepcopy(old))
    assert new.gamma1 is None and new.gamma2 is None
    assert_same(new, old, torch.randn(1, 5, 7, 12))
    assert fold_layer_scale(Block(12, Im2ColAttention(12, 3), Mlp(12, 24))) is None


def test_a_norm_written_out_whole_is_exact_whatever_the_mean(randomised: Randomised) -> None:
    old = randomised(nn.LayerNorm(12, 1e-3))
    new = WholeNorm(old)
    x = 0.1 * torch.randn(1, 5, 7, 12)
    assert_same(new, old, x)
    assert_turned(new, x)
    assert_turned(new, x + 3)
    assert_same(lambda y: new(y.double()), lambda y: old.double()(y.double()), x + 3)
