"""PVTv2: the keys of the official state dict."""

from slide_mobile import models

# From whai362/PVT @57e2dfa, pvt_v2_b1.
PARENT = {
    "patch_embed1.proj.weight": (64, 3, 7, 7),
    "patch_embed2.proj.weight": (128, 64, 3, 3),
    "patch_embed4.norm.weight": (512,),
    "block1.0.norm2.bias": (64,),
    "block1.0.attn.q.bias": (64,),
    "block1.0.attn.kv.weight": (128, 64),
    "block2.0.attn.sr.weight": (128, 128, 4, 4),
    "block2.0.attn.norm.bias": (128,),
    "block1.1.mlp.fc1.weight": (512, 64),
    "block1.1.mlp.dwconv.dwconv.weight": (512, 1, 3, 3),
    "block4.1.mlp.dwconv.dwconv.bias": (2048,),
    "block4.1.mlp.fc2.weight": (512, 2048),
    "norm1.weight": (64,),
    "norm4.bias": (512,),
    "head.bias": (1000,),
}


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in models.create(name).state_dict().items()}


def test_the_parent_has_the_official_keys_and_shapes() -> None:
    state = shapes("pvt_v2_b1")
    assert {key: state.get(key) for key in PARENT} == PARENT
    # 16 per block (20 with sr), 4 per embedding, one norm per stage, head
    assert len(state) == 6 * 20 + 2 * 16 + 4 * 4 + 4 * 2 + 2


def test_slide_attention_has_its_own_keys_in_stages_1_and_2() -> None:
    state, parent = shapes("slide_pvt_v2_b1"), shapes("pvt_v2_b1")
    attention = {
        "block1.0.attn.qkv.weight": (192, 64),
        "block1.0.attn.relative_position_bias_table": (1, 1, 1, 9, 1, 1),
        "block1.0.attn.dep_conv.bias": (576,),
        "block1.0.attn.dep_conv1.weight": (576, 1, 3, 3),
        "block2.1.attn.proj.bias": (128,),
    }
    assert {key: state.get(key) for key in attention} == attention
    elsewhere = {k: s for k, s in parent.items() if ".attn." not in k or k[:6] >= "block3"}
    assert elsewhere.items() <= state.items()
