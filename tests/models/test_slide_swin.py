"""Swin: the keys of the official state dict, and the guarantees of models.create."""

import pytest
import torch

from slide_mobile import models
from slide_mobile.errors import UnknownName, UsageError


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
