"""Each part of the channels-first form against the channels-last part that it replaces."""

from collections.abc import Callable

import pytest
import torch
from exactness import assert_turned
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.deploy.centre_norms import centre_norms
from slide_mobile.deploy.channels_first import (
    ChannelsLastInside,
    FirstOfRow,
    MeanOfMap,
    WindowMaps,
    channels_first,
    turn,
)
from slide_mobile.deploy.fold_affine import fold_affine
from slide_mobile.deploy.layout import Affine, ChannelSum, FixedLinear
from slide_mobile.deploy.merge_patches import merge_patches
from slide_mobile.deploy.merge_paths import merge_paths
from slide_mobile.deploy.rewriting import apply, deploy, rewrites
from slide_mobile.deploy.split_taps import split_taps
from slide_mobile.deploy.static_windows import static_windows
from slide_mobile.deploy.token_attention import TokenMixer
from slide_mobile.models.layers.backbone import MapMean
from slide_mobile.models.layers.slide_attention import Im2ColAttention, SlideAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.models.slide_pvt import ClassToken
from slide_mobile.models.slide_swin import PatchMerging, SwinBlock
from slide_mobile.parity import layerwise

Randomised = Callable[..., nn.Module]
TESTS = [name for name in models.names(tests=True) if models.spec(name).preset == "test"]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(1, 7, 9, 12, generator=torch.Generator().manual_seed(1))


def test_a_linear_becomes_a_1x1_convolution(randomised: Randomised, tokens: Tensor) -> None:
    for bias in (True, False):
        first = assert_turned(randomised(nn.Linear(12, 5, bias=bias)), tokens)
        assert isinstance(first, nn.Conv2d) and first.kernel_size == (1, 1)


def test_constant_sums_and_affines_become_convolutions(tokens: Tensor) -> None:
    gamma, beta = torch.randn(2, 12)
    for module in (
        ChannelSum(12),
        ChannelSum(12, scale=0.3, shift=0.7),
        FixedLinear(torch.randn(5, 12)),
        Affine(gamma, beta),
        Affine(None, beta),
    ):
        assert_turned(module, tokens)


def test_slide_attention_needs_no_permute(randomised: Randomised, tokens: Tensor) -> None:
    block = randomised(SwinBlock(12, SlideAttention(12, 3)))
    first = assert_turned(
        centre_norms(fold_affine(apply(split_taps, apply(merge_paths, block)))), tokens
    )
    program = torch.export.export(first, (tokens.permute(0, 3, 1, 2).contiguous(),))
    assert not any("permute" in str(node.target) for node in program.graph.nodes)


@pytest.mark.parametrize(
    ("map_size", "shift"),
    [((4, 6), 0), ((4, 6), 1), ((5, 7), 0), ((5, 7), 1), ((6, 3), 1)],
)
def test_window_attention(map_size: tuple[int, int], shift: int, randomised: Randomised) -> None:
    last = static_windows(randomised(WindowAttention(12, 3, 2, map_size=map_size, shift=shift)))
    assert isinstance(assert_turned(last, torch.randn(1, *map_size, 12)), WindowMaps)


def test_patch_merging(randomised: Randomised) -> None:
    last = merge_patches(fold_affine(randomised(PatchMerging(12))))
    assert_turned(last, torch.randn(1, 6, 10, 12) + 5 * torch.randn(1, 6, 10, 1))


def test_an_attention_without_a_deploy_form_keeps_its_layout_inside(
    randomised: Randomised, tokens: Tensor
) -> None:
    first = assert_turned(randomised(Im2ColAttention(12, 3)), tokens)
    assert isinstance(first, ChannelsLastInside)


def test_the_mean_and_the_class_token_stay_maps(tokens: Tensor) -> None:
    row = tokens.reshape(1, 1, -1, 12)
    for pool, maps, kind in ((MapMean(), tokens, MeanOfMap), (ClassToken(), row, FirstOfRow)):
        first = turn(pool)
        assert isinstance(first, kind)
        found = first(maps.permute(0, 3, 1, 2))
        assert found.shape == (1, 12, 1, 1)
        torch.testing.assert_close(found.flatten(1), pool(maps))


@pytest.mark.parametrize("name", TESTS)
def test_a_whole_model_keeps_its_module_paths(name: str) -> None:
    model = models.create(name)
    last, first = deploy(model), deploy(model, layout="NCHW")
    assert layerwise.dense(last).keys() == layerwise.dense(first).keys()
    # Linears remain only where attention computes channels last.
    mixers = [part for part in first.modules() if isinstance(part, TokenMixer)]
    kept = {linear for part in mixers for linear in part.modules()}
    assert all(part in kept for part in first.modules() if isinstance(part, nn.Linear))
    assert bool(mixers) == (name != "slide_swin_test")


def test_other_modules_are_left_alone() -> None:
    assert channels_first(nn.Linear(3, 3)) is None


def test_the_target_chooses_the_layout() -> None:
    assert channels_first not in rewrites()
    assert rewrites(layout="NCHW")[-1] is channels_first
