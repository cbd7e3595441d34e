"""Spatial reduction against PyTorch's attention on patches that are reduced one by one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from slide_mobile.models.layers.spatial_reduction import SpatialReduction


def reduced(attn: SpatialReduction, x: Tensor) -> Tensor:
    """(H, W, C) -> (patches, C); rows and columns that do not fill a patch are left out."""
    (h, w, _), side = x.shape, attn.ratio
    if attn.sr is None or attn.norm is None:
        return x.flatten(0, 1)
    patches = [
        x[y * side : (y + 1) * side, z * side : (z + 1) * side]
        for y in range(h // side)
        for z in range(w // side)
    ]
    weight = attn.sr.weight.permute(0, 2, 3, 1)  # (C_out, side, side, C_in)
    rows = torch.stack([(weight * patch).sum((1, 2, 3)) + attn.sr.bias for patch in patches])
    deviation = rows - rows.mean(1, keepdim=True)
    scale = (deviation.square().mean(1, keepdim=True) + 1e-5).rsqrt()
    return deviation * scale * attn.norm.weight + attn.norm.bias


@pytest.mark.parametrize(
    ("map_size", "ratio"),
    [((4, 8), 1), ((4, 8), 2), ((4, 8), 4), ((7, 9), 2), ((7, 9), 4), ((1, 13), 1)],
)
def test_spatial_reduction_is_attention_to_reduced_tokens(map_size, ratio, randomised) -> None:
    attn = randomised(SpatialReduction(12, 3, ratio))
    x = torch.randn(*map_size, 12)
    with torch.no_grad():
        k, v = attn.kv(reduced(attn, x)).split(12, -1)
        parts = (attn.q(x).flatten(0, 1), k, v)
        q, k, v = (part.reshape(-1, 3, 4).transpose(0, 1) for part in parts)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(0, 1)
        expected = attn.proj(attended.reshape(*map_size, 12))
        torch.testing.assert_close(attn(x[None])[0], expected, rtol=1e-5, atol=1e-5)
