"""Cross-shaped window attention of rank <= 4.

before   one qkv linear split through rank 5, windows cut and joined through rank 6
after    separate q, k and v, each split into a half for vertical and a half for horizontal
         stripes; a stripe is as long as the map, so one reshape to (H, W / s, s C) or
         (H / s, s W C) and at most one transpose cut it
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.split_taps import linear
from slide_mobile.deploy.token_attention import TokenMixer, attend
from slide_mobile.models.layers.backbone import Block
from slide_mobile.models.layers.cross_windows import CrossWindowBlock, StripeAttention


class StaticStripes(nn.Module):
    """Attention inside the stripes of one (1, H, W, C) map, plus its positional encoding (LePE)."""

    def __init__(self, published: StripeAttention) -> None:
        super().__init__()
        self.num_heads, self.window = published.num_heads, published.window
        self.map_size, self.padded_size = published.map_size, published.padded_size
        self.origin, self.get_v = published.origin(), published.get_v

    def forward(self, q: Tensor, k: Tensor, v: Tensor, *, in_halves: bool) -> Tensor:
        """(1, H, W, C) three times -> (1, H, W, C); `in_halves` is passed to `attend`."""
        q, k, v = (self.cut(x) for x in (q, k, v))
        values = v.reshape(v.shape[0], *self.window, -1).permute(0, 3, 1, 2)
        encoded = self.get_v(values).permute(0, 2, 3, 1).reshape(v.shape)
        return self.join(attend(q, k, v, self.num_heads, in_halves=in_halves) + encoded)

    def cut(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (windows, N, C)."""
        (h, w), (hp, wp), (top, left) = self.map_size, self.padded_size, self.origin
        if (h, w) != (hp, wp):
            x = F.pad(x, (0, 0, left, wp - w - left, top, hp - h - top))
        (rows, columns), c = self.window, x.shape[-1]
        if columns < wp:
            x = x.reshape(hp, wp // columns, columns * c).transpose(0, 1)
        return x.reshape(-1, rows * columns, c)

    def join(self, x: Tensor) -> Tensor:
        """(windows, N, C) -> (1, H, W, C), with the padding cropped."""
        (h, w), (hp, wp), (top, left) = self.map_size, self.padded_size, self.origin
        columns, c = self.window[1], x.shape[-1]
        if columns < wp:
            x = x.reshape(wp // columns, hp, columns * c).transpose(0, 1)
        x = x.reshape(1, hp, wp, c)
        return x if (h, w) == (hp, wp) else x[:, top : top + h, left : left + w]


class StaticCross(TokenMixer):
    """The attention of a CSwin block on one (1, H, W, C) map."""

    def __init__(self, published: CrossWindowBlock) -> None:
        super().__init__()
        weights, biases = published.qkv.weight.chunk(3), published.qkv.bias.chunk(3)
        shares = [part for part in published.attns if isinstance(part, StripeAttention)]
        scale = shares[0].scale
        self.q = linear(weights[0] * scale, biases[0] * scale)
        self.k, self.v = linear(weights[1], biases[1]), linear(weights[2], biases[2])
        self.proj = published.proj
        self.attns = nn.ModuleList(StaticStripes(share) for share in shares)

    def mix(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H, W, C)."""
        q, k, v, in_halves = self.q(x), self.k(x), self.v(x), not self.channels_first
        if len(self.attns) == 1:
            return self.proj(self.attns[0](q, k, v, in_halves=in_halves))
        half = q.shape[-1] // 2  # XNNPACK's ExecuTorch partitioner takes slices, but no split
        upright, level = (
            attn(q[..., part], k[..., part], v[..., part], in_halves=in_halves)
            for attn, part in zip(self.attns, (slice(half), slice(half, None)), strict=True)
        )
        return self.proj(torch.cat((upright, level), -1))


@torch.no_grad()
def static_stripes(module: nn.Module) -> nn.Module | None:
    """Return a Block with a StaticCross for a CrossWindowBlock, None for any other module."""
    if type(module) is not CrossWindowBlock:
        return None
    block = Block(module.proj.out_features, StaticCross(module), module.mlp)
    block.norm1, block.norm2 = module.norm1, module.norm2
    return block
