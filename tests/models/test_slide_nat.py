"""NAT: the keys of the official state dict, layer scale, and sizes that are refused."""

import pytest
import torch

from slide_mobile import models
from slide_mobile.errors import UsageError

# From SHI-Labs/Neighborhood-Attention-Transformer @d334f5b, nat_mini; attention keys from natten.
PARENT = {
    "patch_embed.proj.0.weight": (32, 3, 3, 3),
    "patch_embed.proj.1.weight": (64, 32, 3, 3),
    "patch_embed.proj.1.bias": (64,),
    "patch_embed.norm.weight": (64,),
    "levels.0.blocks.2.norm1.weight": (64,),
    "levels.0.blocks.2.attn.rpb": (2, 13, 13),
    "levels.0.blocks.2.attn.qkv.weight": (192, 64),
    "levels.0.blocks.2.attn.proj.bias": (64,),
    "levels.0.blocks.2.mlp.fc1.weight": (192, 64),
    "levels.0.downsample.reduction.weight": (128, 64, 3, 3),
    "levels.2.downsample.norm.bias": (512,),
    "levels.3.blocks.4.attn.rpb": (16, 13, 13),
    "levels.3.blocks.4.mlp.fc2.weight": (512, 1536),
    "norm.weight": (512,),
    "head.weight": (1000, 512),
}


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in models.create(name).state_dict().items()}


def test_the_parent_has_the_official_keys_and_shapes() -> None:
    state = shapes("nat_mini")
    assert {key: state.get(key) for key in PARENT} == PARENT
    # 13 per block, 6 for the tokenizer, 3 per downsampler, norm, head
    assert len(state) == 18 * 13 + 6 + 3 * 3 + 2 + 2
    assert "levels.0.downsample.reduction.bias" not in state


def test_slide_attention_has_its_own_keys_in_levels_1_and_2() -> None:
    state, parent = shapes("slide_nat_mini"), shapes("nat_mini")
    attention = {
        "levels.1.blocks.3.attn.qkv.weight": (384, 128),
        "levels.1.blocks.3.attn.relative_position_bias_table": (1, 4, 1, 9, 1, 1),
        "levels.1.blocks.3.attn.dep_conv.weight": (288, 1, 3, 3),
        "levels.1.blocks.3.attn.dep_conv1.bias": (288,),
    }
    assert {key: state.get(key) for key in attention} == attention
    elsewhere = {k: s for k, s in parent.items() if ".attn." not in k or k >= "levels.2"}
    assert elsewhere.items() <= state.items()


def test_the_larger_sizes_have_layer_scale() -> None:
    model = models.create("slide_nat_small")
    for level, dim in zip(model.levels, (96, 192, 384, 768), strict=True):
        for block in level.blocks:
            for gamma in (block.gamma1, block.gamma2):
                assert torch.equal(gamma, torch.full((dim,), 1e-5))
    assert not any("gamma" in key for key in shapes("slide_nat_tiny"))


def test_a_map_smaller_than_a_neighbourhood_is_refused() -> None:
    with pytest.raises(UsageError, match="224 to 2048; the nearest is 224x256"):
        models.create("slide_nat_mini", input_size=(192, 256))
