"""PVT: the keys of the official state dict, positions, and the class token."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from slide_mobile import models
from slide_mobile.models.slide_pvt import PyramidVisionTransformer

SMALL = {
    "dims": (8, 12, 16, 24),
    "depths": (1, 1, 1, 2),
    "num_heads": (1, 2, 2, 3),
    "mlp_ratios": (2, 2, 2, 2),
    "num_classes": 5,
}

# From whai362/PVT @57e2dfa, pvt_tiny.
PARENT = {
    "cls_token": (1, 1, 512),
    "pos_embed1": (1, 3136, 64),
    "pos_embed3": (1, 196, 320),
    "pos_embed4": (1, 50, 512),
    "patch_embed1.proj.weight": (64, 3, 4, 4),
    "patch_embed4.proj.weight": (512, 320, 2, 2),
    "patch_embed4.norm.bias": (512,),
    "block1.1.norm1.weight": (64,),
    "block1.0.attn.q.weight": (64, 64),
    "block1.0.attn.kv.bias": (128,),
    "block1.0.attn.sr.weight": (64, 64, 8, 8),
    "block1.0.attn.norm.weight": (64,),
    "block3.0.attn.sr.weight": (320, 320, 2, 2),
    "block4.1.attn.proj.weight": (512, 512),
    "block1.0.mlp.fc1.weight": (512, 64),
    "block4.0.mlp.fc2.weight": (512, 2048),
    "norm.weight": (512,),
    "head.weight": (1000, 512),
}


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in models.create(name).state_dict().items()}


def test_the_parent_has_the_official_keys_and_shapes() -> None:
    state = shapes("pvt_tiny")
    assert {key: state.get(key) for key in PARENT} == PARENT
    # 14 per block (18 with sr), 4 per embedding, positions, token, norm, head
    assert len(state) == 6 * 18 + 2 * 14 + 4 * 4 + 4 + 1 + 2 + 2
    assert "block4.0.attn.sr.weight" not in state


def test_slide_attention_has_its_own_keys_in_stages_1_and_2() -> None:
    state, parent = shapes("slide_pvt_tiny"), shapes("pvt_tiny")
    attention = {
        "block2.1.attn.qkv.weight": (384, 128),
        "block2.1.attn.relative_position_bias_table": (1, 2, 1, 9, 1, 1),
        "block2.1.attn.dep_conv.weight": (576, 1, 3, 3),
        "block2.1.attn.dep_conv1.bias": (576,),
        "block2.1.attn.proj.weight": (128, 128),
    }
    assert {key: state.get(key) for key in attention} == attention
    elsewhere = {k: s for k, s in parent.items() if ".attn." not in k or k[:6] >= "block3"}
    del elsewhere["cls_token"]
    elsewhere["pos_embed4"] = (1, 49, 512)
    assert elsewhere.items() <= state.items()


def interpolated(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly with half-pixel centers and no filter: (H, W, C) -> (*size, C)."""
    for axis, n in enumerate(size):
        length = grid.shape[axis]
        at = np.clip((np.arange(n) + 0.5) * length / n - 0.5, 0, length - 1)
        low = np.floor(at).astype(int)
        share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        high = np.minimum(low + 1, length - 1)
        grid = grid.take(low, axis) * (1 - share) + grid.take(high, axis) * share
    return grid


@pytest.mark.parametrize("size", [(96, 160), (320, 224), (224, 224)])
@pytest.mark.parametrize("class_token", [False, True])
def test_positions_are_interpolated_to_the_map(size, class_token, randomised) -> None:
    model = randomised(PyramidVisionTransformer(**SMALL, input_size=size, class_token=class_token))
    for stage, side in enumerate((56, 28, 14, 7), 1):
        table = model.get_parameter(f"pos_embed{stage}")[0]
        has_token = class_token and stage == 4
        map_size = (size[0] // 2 ** (stage + 1), size[1] // 2 ** (stage + 1))
        positions, token = model.positions(stage, map_size)
        grid = table[has_token:].reshape(side, side, -1).numpy()
        expected = torch.from_numpy(interpolated(grid, map_size)).float()
        torch.testing.assert_close(positions[0], expected, rtol=1e-5, atol=1e-5)
        assert (token is not None) == has_token
        if token is not None:
            assert torch.equal(token[0, 0, 0], model.cls_token[0, 0] + table[0])


def last_stage_by_definition(model: PyramidVisionTransformer, x: Tensor) -> Tensor:
    """A ViT with a class token: (H, W, C) of stage 3 -> (num_classes,)."""
    embed, c = model.patch_embed4, model.head.in_features
    maps = F.conv2d(x.permute(2, 0, 1)[None], embed.proj.weight, embed.proj.bias, stride=2)
    size = (maps.shape[2], maps.shape[3])
    grid = interpolated(model.pos_embed4[0, 1:].reshape(7, 7, c).numpy(), size)
    tokens = embed.norm(maps[0].permute(1, 2, 0)) + torch.from_numpy(grid).float()
    token = model.cls_token[0] + model.pos_embed4[0, :1]
    rows = torch.cat([token, tokens.reshape(-1, c)])
    for block in model.block4:
        y = block.norm1(rows)
        parts = (block.attn.q(y), *block.attn.kv(y).split(c, -1))
        heads = [part.reshape(len(rows), 3, c // 3).transpose(0, 1) for part in parts]
        mixed = F.scaled_dot_product_attention(*heads).transpose(0, 1).reshape(rows.shape)
        rows = rows + block.attn.proj(mixed)
        rows = rows + block.mlp(block.norm2(rows))
    return model.head(model.norm(rows[0]))


def test_the_class_token_is_what_is_classified(randomised) -> None:
    size = (96, 160)
    model = randomised(PyramidVisionTransformer(**SMALL, input_size=size, class_token=True))
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        *_, third, last = model.stage_maps(image)
        assert last.shape == (2, 1, 1 + 3 * 5, 24)
        expected = torch.stack([last_stage_by_definition(model, x) for x in third])
        torch.testing.assert_close(model(image), expected, rtol=1e-5, atol=1e-5)
