"""Local attention by shifted maps and matmuls: the depthwise convolutions of the taps, unrolled.

    before   logit_i = sum_c q[c] * (W_i * k)[c]           a depthwise convolution for each tap i
             out     = sum_i a_i (W_i * v)
    after    for each offset o of the kernels, with k_o the map k shifted by o:
             logits  = sum_o (q * k_o) L_o                 L_o: d -> taps, the kernels' values at o
             out     = sum_o (a L_o^T) * v_o

The published kernels are the same for all heads, so L_o is one small matrix, and the products have
(H * W * heads, d) as their rows: no multiply-add is wasted on other heads. The multiply-adds are
those of the convolutions, in matmuls, which read a number once for several of them. What is paid
for it are the shifted copies. The centre is subtracted as in `split_taps`.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.layout import FixedLinear


class ShiftedKeys(nn.Module):
    """Logits of all taps but the centre, from the kernels of K."""

    def __init__(self, kernel: Tensor, bias: Tensor, position: Tensor) -> None:
        """`kernel` (d, taps, k, k), `bias` (d, taps) and `position` (heads, taps), of all taps."""
        super().__init__()
        heads, around = position.shape[0], _around(position.shape[1])
        centre = position.shape[1] // 2
        self.side = kernel.shape[-1]
        difference = (kernel - kernel[:, centre, None])[:, around].flatten(2)  # (d, taps, k * k)
        self.at = nn.ModuleList(FixedLinear(at.t()) for at in difference.unbind(2))
        self.of_q = FixedLinear((bias - bias[:, centre, None])[:, around].t())
        moved = (position - position[:, centre, None])[:, around]
        self.register_buffer("position", moved.reshape(1, 1, heads, -1).clone())

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        """Q (1, H, W, C), k padded by k // 2 -> (1, H * W, heads, taps)."""
        heads = self.get_buffer("position").shape[2]
        rows = by_head(q, heads)
        logits = self.of_q(rows) + rows.sum(-1, keepdim=True) * self.get_buffer("position")
        for at, shifted in zip(self.at, shifts(k, self.side), strict=True):
            logits = logits + at(by_head(q * shifted, heads))
        return logits


class ShiftedValues(nn.Module):
    """The mix of values, from the kernels of V."""

    def __init__(self, kernel: Tensor, bias: Tensor, heads: int) -> None:
        """`kernel` (d, taps, k, k) and `bias` (d, taps), of all taps."""
        super().__init__()
        taps = kernel.shape[1]
        self.side, self.heads = kernel.shape[-1], heads
        values = torch.cat((kernel.flatten(2), bias[:, :, None]), 2)  # (d, taps, k * k + 1)
        centre = values[:, taps // 2]
        around = (values - centre[:, None])[:, _around(taps)]
        *at, alone = zip(around.unbind(2), centre.unbind(1), strict=True)
        self.at = nn.ModuleList(FixedLinear(weight, bias.clone()) for weight, bias in at)
        self.alone = FixedLinear(alone[0], alone[1].clone())

    def forward(self, weights: Tensor, v: Tensor) -> Tensor:
        """Weights (1, H * W, heads, taps), v padded by k // 2 -> (1, H * W, heads, d)."""
        out: Tensor = self.alone(weights)
        for at, shifted in zip(self.at, shifts(v, self.side), strict=True):
            out = out + at(weights) * by_head(shifted, self.heads)
        return out


def joint_shares(logits: Tensor) -> Tensor:
    """Softmax over the last axis and the centre's logit, 0: the weights of the others."""
    largest = torch.relu(logits.amax(-1, keepdim=True))
    weights = torch.exp(logits - largest)
    total = weights.sum(-1, keepdim=True) + torch.exp(-largest)
    return weights * torch.rsqrt(total * total)


def shifts(padded: Tensor, side: int) -> list[Tensor]:
    """The map seen from each offset, rows first: (1, H + side - 1, W + side - 1, C) -> maps."""
    h, w = (length - side + 1 for length in padded.shape[1:3])
    return [padded[:, y : y + h, x : x + w] for y in range(side) for x in range(side)]


def by_head(x: Tensor, heads: int) -> Tensor:
    """(1, H, W, heads * n) -> (1, H * W, heads, n)."""
    return x.reshape(x.shape[0], x.shape[1] * x.shape[2], heads, -1)


def _around(taps: int) -> list[int]:
    """The taps without the centre."""
    return [tap for tap in range(taps) if tap != taps // 2]
