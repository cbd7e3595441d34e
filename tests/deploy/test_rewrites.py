"""Each rewrite alone against the module that it replaces, with random parameters and odd sizes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from exactness import assert_same
from torch import Tensor, nn

from slide_mobile.deploy.centre_norms import TokenScale, centre_norms
from slide_mobile.deploy.channels_first import ChannelsLastInside, turn
from slide_mobile.deploy.fold_affine import fold_affine
from slide_mobile.deploy.forms import Form, Forms, Shape
from slide_mobile.deploy.matrix_stages import MatrixStage, matrix_stages
from slide_mobile.deploy.merge_patches import MergePatches, merge_patches
from slide_mobile.deploy.merge_paths import MergedSlideAttention, merge_paths
from slide_mobile.deploy.rewriting import apply, rewrites
from slide_mobile.deploy.split_taps import TapAttention, choose_taps, split_taps
from slide_mobile.deploy.static_windows import StaticWindowAttention, static_windows
from slide_mobile.models.layers.backbone import Stage
from slide_mobile.models.layers.slide_attention import Im2ColAttention, SlideAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.models.slide_swin import PatchMerging, SwinBlock
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.tasks import Layout

Randomised = Callable[..., nn.Module]
LAYOUTS: tuple[Layout, ...] = ("NHWC", "NCHW")


def slide_attention(**options: object) -> SlideAttention:
    return SlideAttention(dim=12, num_heads=3, **options)  # type: ignore[arg-type]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(1, 7, 9, 12, generator=torch.Generator().manual_seed(1))


VARIANTS: list[dict[str, Any]] = [
    {},
    {"k": 5},
    {"separate_v": True},
    {"lepe": True},
    {"lepe": True, "k": 5},
    {"lepe": True, "dim_reduction": 2},
    {"dim_reduction": 2},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_merge_paths_is_exact(options: dict, randomised: Randomised, tokens: Tensor) -> None:
    old = randomised(slide_attention(**options))
    new = merge_paths(old)
    assert isinstance(new, MergedSlideAttention)
    assert not any("dep_conv" in name for name, _ in new.named_parameters())
    assert_same(new, old, tokens)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_split_taps_is_exact(options: dict, randomised: Randomised, tokens: Tensor) -> None:
    old = merge_paths(randomised(slide_attention(**options)))
    new = split_taps(old)
    assert isinstance(new, TapAttention)
    assert_same(new, old, tokens)


@pytest.mark.parametrize("strips", [1, 2, 4])
@pytest.mark.parametrize("head_broadcast", ["matmul", "broadcast"])
@pytest.mark.parametrize("head_sum", ["matmul", "sum"])
@pytest.mark.parametrize("shifts", ["none", "keys", "both"])
@pytest.mark.parametrize("options", VARIANTS[:5], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_form_of_the_taps_is_exact(
    layout: Layout,
    options: dict,
    shifts: Any,
    head_sum: Any,
    head_broadcast: Any,
    strips: int,
    randomised: Randomised,
    tokens: Tensor,
) -> None:
    old = randomised(slide_attention(**options))
    form = Form(head_sum=head_sum, head_broadcast=head_broadcast, strips=strips, shifts=shifts)
    forms = Forms((("slide", Shape(height=7, width=9, dim=12, heads=3), form),))
    new = choose_taps(split_taps(merge_paths(copy.deepcopy(old))), forms)
    if layout == "NCHW":
        tokens, old = tokens.permute(0, 3, 1, 2), ChannelsLastInside(old)
        new = turn(new)
    assert_same(new, old, tokens)


@pytest.mark.parametrize("shifts", ["none", "keys", "both"])
def test_taps_are_exact_where_exponentials_would_overflow(
    shifts: Any, randomised: Randomised, tokens: Tensor
) -> None:
    """Logits differ by thousands, and exp overflows at 710 in float64."""
    old = randomised(slide_attention(lepe=True)).double()
    old.qkv.weight.data *= 60
    x = tokens.double()
    logits = torch.einsum("bhwc,dc->bhwd", x, old.qkv.weight).abs().max() ** 2
    assert logits > 10_000
    shape = Shape(height=7, width=9, dim=12, heads=3)
    forms = Forms((("slide", shape, Form(head_sum="sum", shifts=shifts)),))
    new = choose_taps(split_taps(merge_paths(copy.deepcopy(old))), forms)
    assert new.double()(x).isfinite().all()
    assert_same(new.double(), old, x)


@pytest.mark.parametrize("map_size", [(4, 6), (5, 7), (6, 3)])
def test_matrix_stages_is_exact(map_size: tuple[int, int], randomised: Randomised) -> None:
    blocks = [SwinBlock(12, WindowAttention(12, 3, 2, map_size=map_size, shift=s)) for s in (0, 1)]
    stage = randomised(Stage(blocks, None))
    for rewrite in rewrites():
        stage = apply(rewrite, stage)
    shape = Shape(height=map_size[0], width=map_size[1], dim=12, heads=3)
    asked = Forms((("window", shape, Form(tokens="matrix")),))
    new = matrix_stages(copy.deepcopy(stage), asked)
    assert isinstance(new, MatrixStage)
    first, x = turn(new), torch.randn(1, *map_size, 12)
    for which in (0, 1):  # the map, and what the next stage takes
        assert_same(
            lambda y, i=which: first(y.permute(0, 3, 1, 2))[i].permute(0, 2, 3, 1),
            lambda y, i=which: stage(y)[i],
            x,
        )
    assert matrix_stages(stage, Forms()) is None  # unless asked for


def test_split_taps_keeps_neighbours_outside_the_image_in_the_softmax(
    randomised: Randomised,
) -> None:
    old = randomised(slide_attention())
    new = split_taps(merge_paths(old))
    assert_same(new, old, torch.randn(1, 1, 1, 12))  # eight of nine neighbours are outside


@pytest.mark.parametrize(
    ("map_size", "shift"),
    [((4, 6), 0), ((4, 6), 1), ((5, 7), 0), ((5, 7), 1), ((6, 3), 1)],
)
def test_static_windows_is_exact(
    map_size: tuple[int, int], shift: int, randomised: Randomised
) -> None:
    old = randomised(WindowAttention(12, 3, 2, map_size=map_size, shift=shift))
    block = SwinBlock(12, old)  # it is the block that hands the mask to its attention
    new = static_windows(old)
    assert isinstance(new, StaticWindowAttention)
    x = torch.randn(1, *map_size, 12)
    with torch.no_grad():
        torch.testing.assert_close(new(x), old(x, block.attn_mask), rtol=1e-5, atol=1e-5)


def test_fold_affine_is_exact_in_a_slide_block(randomised: Randomised, tokens: Tensor) -> None:
    old = randomised(SwinBlock(12, slide_attention()))
    new = fold_affine(apply(split_taps, apply(merge_paths, copy.deepcopy(old))))
    assert new.norm1.weight is None and new.norm2.weight is None
    assert_same(new, old, tokens)


@pytest.mark.parametrize("map_size", [(4, 6), (5, 7)])
def test_fold_affine_is_exact_where_windows_are_padded(
    map_size: tuple[int, int], randomised: Randomised
) -> None:
    attn = WindowAttention(12, 3, 2, map_size=map_size, shift=1)
    old = randomised(SwinBlock(12, attn))
    new = fold_affine(apply(static_windows, copy.deepcopy(old)))
    assert_same(new, old, torch.randn(1, *map_size, 12))


def test_fold_affine_is_exact_before_an_attention_that_keeps_its_qkv(
    randomised: Randomised, tokens: Tensor
) -> None:
    old = randomised(SwinBlock(12, Im2ColAttention(12, 3)))
    assert_same(fold_affine(copy.deepcopy(old)), old, tokens)


def test_centre_norms_is_exact_in_a_block_with_a_large_mean(
    randomised: Randomised, tokens: Tensor
) -> None:
    old = randomised(SwinBlock(12, slide_attention()))
    folded = fold_affine(apply(split_taps, apply(merge_paths, old)))
    new = centre_norms(copy.deepcopy(folded))
    assert isinstance(new.norm1, TokenScale) and isinstance(new.norm2, TokenScale)
    assert_same(new, folded, tokens)
    # With a mean of 50 deviations, E[x^2] - E[x]^2 would lose seven bits.
    with torch.no_grad():
        assert sqnr_db(folded(tokens + 50).numpy(), new(tokens + 50).numpy()) > 100


@pytest.mark.parametrize("size", [(6, 10), (2, 2)])
def test_merge_patches_is_exact(size: tuple[int, int], randomised: Randomised) -> None:
    old = fold_affine(randomised(PatchMerging(12)))
    new = merge_patches(old)
    assert isinstance(new, MergePatches)
    # The four tokens have different means, which their common norm has to take into account.
    assert_same(new, old, torch.randn(1, *size, 12) + 5 * torch.randn(1, *size, 1))


@pytest.mark.parametrize(
    "rewrite",
    rewrites(layout="NCHW"),
    ids=lambda rewrite: getattr(rewrite, "func", rewrite).__name__,
)
def test_a_rewrite_leaves_other_modules_alone(rewrite: Callable) -> None:
    assert rewrite(nn.Conv2d(3, 3, 1)) is None
    assert rewrite(nn.LayerNorm(3)) is None
