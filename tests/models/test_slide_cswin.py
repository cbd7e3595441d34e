"""CSWin: the keys of the official state dict, and the layout of the stripes."""

import pytest

from slide_mobile import models

# From microsoft/CSWin-Transformer @f111ae2, CSWin_64_24322_small_224.
PARENT = {
    "stage1_conv_embed.0.weight": (64, 3, 7, 7),
    "stage1_conv_embed.2.weight": (64,),
    "stage1.0.norm1.weight": (64,),
    "stage1.0.qkv.weight": (192, 64),
    "stage1.0.proj.bias": (64,),
    "stage1.0.attns.0.get_v.weight": (32, 1, 3, 3),
    "stage1.1.attns.1.get_v.bias": (32,),
    "stage1.0.mlp.fc1.weight": (256, 64),
    "stage1.0.norm2.bias": (64,),
    "merge1.conv.weight": (128, 64, 3, 3),
    "merge3.norm.weight": (512,),
    "stage3.31.attns.1.get_v.weight": (128, 1, 3, 3),
    "stage4.1.attns.0.get_v.weight": (512, 1, 3, 3),
    "stage4.1.mlp.fc2.weight": (512, 2048),
    "norm.bias": (512,),
    "head.weight": (1000, 512),
}


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in models.create(name).state_dict().items()}


def test_the_parent_has_the_official_keys_and_shapes() -> None:
    state = shapes("cswin_small")
    assert {key: state.get(key) for key in PARENT} == PARENT
    # 16 per block (14 in the last stage), 4 per embedding, norm, head
    assert len(state) == 38 * 16 + 2 * 14 + 4 * 4 + 2 + 2
    assert "stage4.0.attns.1.get_v.weight" not in state


def test_slide_attention_has_its_own_keys_in_stages_1_and_2() -> None:
    state, parent = shapes("slide_cswin_small"), shapes("cswin_small")
    attention = {
        "stage2.3.attn.qkv.weight": (384, 128),
        "stage2.3.attn.relative_position_bias_table": (1, 4, 1, 9, 1, 1),
        "stage2.3.attn.dep_conv1.weight": (288, 1, 3, 3),
        "stage2.3.attn.get_v.weight": (128, 1, 3, 3),
        "stage2.3.attn.proj.weight": (128, 128),
    }
    assert {key: state.get(key) for key in attention} == attention
    elsewhere = {k: s for k, s in parent.items() if not k.startswith(("stage1.", "stage2."))}
    assert elsewhere.items() <= state.items()


@pytest.mark.parametrize(
    ("stage", "windows"),
    [
        ("stage1", [(56, 1), (1, 56)]),
        ("stage2", [(28, 2), (2, 28)]),
        ("stage3", [(14, 7), (7, 14)]),
        ("stage4", [(7, 7)]),
    ],
)
def test_stripes_are_upright_first(stage: str, windows: list[tuple[int, int]]) -> None:
    block = models.create("cswin_small").get_submodule(stage)[0]
    assert [attn.window for attn in block.attns] == windows


def test_positional_encoding_beside_slide_attention_can_be_left_out() -> None:
    keys = models.create("slide_cswin_test", lepe=False).state_dict().keys()
    assert {key for key in keys if "get_v" in key} == {
        f"stage{i}.{j}.attns.{part}.get_v.{leaf}"
        for i, j, part in ((3, 0, 0), (3, 0, 1), (3, 1, 0), (3, 1, 1), (4, 0, 0))
        for leaf in ("weight", "bias")
    }
