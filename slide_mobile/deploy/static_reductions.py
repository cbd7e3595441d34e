"""Spatial-reduction attention of rank <= 4.

before   one kv linear split through rank 5, logits scaled
after    separate k and v linears, the scale in the rows of q, products of rank 3
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.split_taps import linear
from slide_mobile.deploy.token_attention import TokenMixer, attend
from slide_mobile.models.layers.spatial_reduction import SpatialReduction


class StaticReduction(TokenMixer):
    """Attention from the tokens of a (1, H, W, C) map to the tokens of a smaller map."""

    def __init__(self, published: SpatialReduction) -> None:
        super().__init__()
        self.num_heads = published.num_heads
        scale, kv = published.scale, published.kv
        self.q = linear(published.q.weight * scale, published.q.bias * scale)
        (k, v), (bias_k, bias_v) = kv.weight.chunk(2), kv.bias.chunk(2)
        self.k, self.v = linear(k, bias_k), linear(v, bias_v)
        self.proj, self.sr, self.norm = published.proj, published.sr, published.norm

    def mix(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        reduced = x
        if self.sr is not None and self.norm is not None:
            reduced = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        q, k, v = self.q(x), self.k(reduced), self.v(reduced)
        q, k, v = q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2)
        out = attend(q, k, v, self.num_heads, in_halves=not self.channels_first)
        return self.proj(out.reshape(x.shape))


@torch.no_grad()
def static_reductions(module: nn.Module) -> nn.Module | None:
    """Return a StaticReduction for a SpatialReduction, None for any other module."""
    return StaticReduction(module) if type(module) is SpatialReduction else None
