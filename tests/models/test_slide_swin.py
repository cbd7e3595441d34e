"""The registry's networks: sizes, names, and what they refuse."""

import pytest
import torch

from slide_mobile import models
from slide_mobile.errors import UnknownName, UsageError
from slide_mobile.models import catalogue

# Parameters (M, two depthwise paths) and multiply-adds (G) at 224x224, counted from the published
# configurations; the paper's own figures are 4.6, 8.9 and 15.5 G.
SIZES = {
    "slide_swin_tiny": (28.31, 4.565),
    "slide_swin_small": (49.63, 8.815),
    "slide_swin_base": (87.79, 15.530),
    "slide_swin_tiny_release": (28.35, 4.70),
    "slide_swin_small_release": (49.75, 9.21),
    "slide_swin_base_release": (87.95, 16.06),
    "swin_tiny": (28.29, 4.49),
    "swin_small": (49.61, 8.74),
    "swin_base": (87.77, 15.43),
}


@pytest.fixture(scope="module")
def table() -> dict[str, dict]:
    return {row["name"]: row for row in catalogue.rows()}


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_multiply_adds(name: str, table: dict[str, dict]) -> None:
    params_m, macs_g = SIZES[name]
    assert table[name]["params"] / 1e6 == pytest.approx(params_m, abs=0.006)
    assert table[name]["macs"] / 1e9 == pytest.approx(macs_g, abs=0.006)


def test_the_catalogue_has_every_public_model_and_no_test_model(table: dict[str, dict]) -> None:
    assert list(table) == models.names()
    assert "slide_swin_test" not in table


def test_state_dict_has_the_official_keys_and_shapes() -> None:
    state = {k: tuple(v.shape) for k, v in models.create("slide_swin_tiny").state_dict().items()}
    block, window = "layers.0.blocks.1.", "layers.2.blocks.1."
    official = {
        "patch_embed.proj.weight": (96, 3, 4, 4),
        "patch_embed.norm.bias": (96,),
        block + "norm1.weight": (96,),
        block + "attn.relative_position_bias_table": (1, 3, 1, 9, 1, 1),
        block + "attn.qkv.weight": (288, 96),
        block + "attn.dep_conv.weight": (288, 1, 3, 3),
        block + "attn.dep_conv.bias": (288,),
        block + "attn.dep_conv1.weight": (288, 1, 3, 3),
        block + "attn.proj.bias": (96,),
        block + "mlp.fc1.weight": (384, 96),
        "layers.0.downsample.reduction.weight": (192, 384),
        "layers.0.downsample.norm.weight": (384,),
        window + "attn_mask": (4, 49, 49),
        window + "attn.relative_position_bias_table": (169, 12),
        window + "attn.relative_position_index": (49, 49),
        "norm.weight": (768,),
        "head.weight": (1000, 768),
    }
    assert {key: state.get(key) for key in official} == official
    assert "layers.2.blocks.0.attn_mask" not in state


def test_the_release_attends_globally_in_stages_3_and_4() -> None:
    model = models.create("slide_swin_tiny_release")
    attentions = [block.attn for stage in model.layers[2:] for block in stage.blocks]
    assert {attn.window for attn in attentions} == {14, 7}
    assert not any(attn.shift for attn in attentions)


def test_create_is_seeded_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a, b = models.create("slide_swin_test"), models.create("slide_swin_test")
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(models.create("slide_swin_test", seed=1).head.weight, a.head.weight)


@pytest.mark.parametrize(
    ("size", "nearest"), [((225, 224), "224x224"), ((32, 96), "64x96"), ((9999, 64), "2048x64")]
)
def test_an_input_size_off_the_stride_is_refused_with_the_nearest(size, nearest) -> None:
    with pytest.raises(UsageError, match=f"does not fit: .*; the nearest is {nearest}"):
        models.create("slide_swin_tiny", input_size=size)


def test_an_unknown_model_suggests_the_closest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'slide_swin_tiny'"):
        models.create("slide_swin_tny")


def test_a_batch_gives_the_same_logits_as_its_images_alone(randomised) -> None:
    model = randomised(models.create("slide_swin_test", input_size=(96, 160)))
    x = torch.randn(3, 3, 96, 160)
    with torch.no_grad():
        alone = torch.cat([model(image[None]) for image in x])
        torch.testing.assert_close(model(x), alone, rtol=1e-4, atol=1e-5)
