"""The published local attention in a form that trains several times as fast on a CPU.

    published   K_j = sum_i W_ji shift_i(k) + b_j + r_j      9 d channels through a grouped conv
                logits_j = q . K_j
    here        logits_j = sum_i W_ji . (q * shift_i(k)) + q . (b_j + r_j)   one matrix product

and likewise for V: sum_j a_j V_j = sum_i shift_i(v) * (sum_j a_j W_ji) + sum_j a_j b_j. Both are
sums in another order (W: the two depthwise kernels added, b: their biases, r: the relative
position bias), so the two forms agree to rounding; tests/demo compares them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.slide_attention import SlideAttention


class FastSlideAttention(SlideAttention):
    """SlideAttention with `forward` reordered; parameters and their names are the same."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        b, h, w, _ = x.shape
        d, taps = self.head_dim, self.k**2
        qkv = self.qkv(x).reshape(b, h, w, self.num_heads, 3 * d).transpose(2, 3)
        qkv = qkv.transpose(1, 2)  # (B, heads, H, W, 3d)
        q, k, v = qkv.split(d, dim=-1)
        q = q * self.scale

        kernel, bias = self._merged()
        rpb = self.relative_position_bias_table.reshape(self.num_heads, 1, taps)
        pairs = torch.cat([q * near for near in self._shifts(k)], -1)  # (B, heads, H, W, k*k*d)
        logits = pairs @ kernel
        logits = logits + q @ bias + q.sum(-1, keepdim=True) * rpb[:, None]
        attn = logits.softmax(-1)  # (B, heads, H, W, k*k)
        mixed = (attn @ kernel.T).split(d, -1)  # a weight for every neighbour and channel
        out = attn @ bias.T
        for near, weight in zip(self._shifts(v), mixed, strict=True):
            out = out + near * weight
        return self.proj(out.transpose(1, 2).transpose(2, 3).reshape(b, h, w, self.inner_dim))

    def _merged(self) -> tuple[Tensor, Tensor]:
        # Output channel c * taps + j of the convolution is channel c's neighbour j.
        d, taps = self.head_dim, self.k**2
        kernel = (self.dep_conv.weight + self.dep_conv1.weight).reshape(d, taps, taps)
        assert self.dep_conv.bias is not None and self.dep_conv1.bias is not None
        bias = (self.dep_conv.bias + self.dep_conv1.bias).reshape(d, taps)
        # (d, j, i) -> rows [i][d], columns [j]
        return kernel.permute(2, 0, 1).reshape(taps * d, taps), bias

    def _shifts(self, x: Tensor) -> list[Tensor]:
        # (B, heads, H, W, d) -> k * k of them, zeros outside the image
        r, (h, w) = self.k // 2, x.shape[2:4]
        x = F.pad(x, (0, 0, r, r, r, r))
        return [x[:, :, i : i + h, j : j + w] for i in range(self.k) for j in range(self.k)]


def accelerate(model: nn.Module) -> nn.Module:
    """The same model with every SlideAttention in its fast form; the weights are shared."""
    for module in model.modules():
        if type(module) is SlideAttention:
            if module.dep_conv2 is not None:
                raise NotImplementedError("the fast form knows one learned path, not DAT's two")
            module.__class__ = FastSlideAttention
    return model
