"""The K and V sides of local attention that `deploy` does not ship (attention_forms.py).

Each is built from the k*k depthwise convolutions of the shipped attention. Joint maps of logits or
weights have k*k * heads channels, the tap before the head. Written for channels last;
`channels_first.turn` turns them over.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.layout import Laid


class Side(Laid):
    """The kernels of an attention's taps: `weight` (C, k*k, k, k), `bias` (C, k*k)."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__()
        self.kernel = torch.stack([tap.get_parameter("weight")[:, 0] for tap in taps], 1)
        self.shift = torch.cat([tap.get_parameter("bias")[:, None] for tap in taps], 1)
        self.channels, self.taps, self.side, _ = self.kernel.shape
        self.heads = heads
        # (C, heads): which head a channel belongs to.
        self.spread = torch.eye(heads).repeat_interleave(self.channels // heads, dim=0)

    def offsets(self, x: Tensor) -> list[Tensor]:
        """The map seen from each offset, rows first."""
        rows, columns = (2, 3) if self.channels_first else (1, 2)
        h, w, edge = x.shape[rows], x.shape[columns], [self.side // 2] * 4
        x = F.pad(x, edge if self.channels_first else [0, 0, *edge])
        steps = range(self.side)
        return [x.narrow(rows, y, h).narrow(columns, z, w) for y in steps for z in steps]

    def per_offset(self, equation: str) -> list[Tensor]:
        """A contraction of `spread` and the kernel at each offset."""
        steps = range(self.side)
        at = [self.kernel[:, :, y, x] for y in steps for x in steps]
        return [torch.einsum(equation, self.spread, kernel) for kernel in at]

    def all_taps(self) -> nn.Conv2d:
        """One depthwise convolution C -> C * k*k, the channel before the tap."""
        c = self.channels
        conv = nn.Conv2d(c, c * self.taps, self.side, padding=self.side // 2, groups=c)
        conv.weight = nn.Parameter(self.kernel.flatten(0, 1)[:, None].clone())
        conv.bias = nn.Parameter(self.shift.flatten().clone())
        return conv

    def channel_axis(self) -> int:
        """The axis of the channels in the layout around."""
        return 1 if self.channels_first else 3


class ShiftedKeys(Side):
    """logits = sum over offsets of block(q * shifted k), plus a linear of q."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        blocks = self.per_offset("ch,ci->ihc")  # (k*k, heads, C)
        self.blocks = nn.ModuleList(dense(block.flatten(0, 1)) for block in blocks)
        self.of_q = dense(torch.einsum("ch,ci->ihc", self.spread, self.shift).flatten(0, 1))

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        """Maps of C channels -> joint logits."""
        total: Tensor = self.of_q(q)
        for block, shifted in zip(self.blocks, self.offsets(k), strict=True):
            total = total + block(q * shifted)
        return total


class WideShiftedKeys(Side):
    """`ShiftedKeys` with one product over all offsets."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        blocks = [block.flatten(0, 1) for block in self.per_offset("ch,ci->ihc")]
        self.block = dense(torch.cat(blocks, 1))
        self.of_q = dense(torch.einsum("ch,ci->ihc", self.spread, self.shift).flatten(0, 1))

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        """Maps of C channels -> joint logits."""
        products = torch.cat([q * shifted for shifted in self.offsets(k)], self.channel_axis())
        logits: Tensor = self.block(products) + self.of_q(q)
        return logits


class WideTapKeys(Side):
    """One convolution for all taps, one product, one sum over the channels of each head."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        self.conv = self.all_taps()
        self.repeat = dense(torch.eye(self.channels).repeat_interleave(self.taps, dim=0))
        rows = torch.einsum("ch,ij->ihcj", self.spread, torch.eye(self.taps))
        self.sum = dense(rows.reshape(self.taps * heads, -1))

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        """Maps of C channels -> joint logits."""
        keys = self.tokens(self.conv(self.maps(k)))
        logits: Tensor = self.sum(self.repeat(q) * keys)
        return logits


class ShiftedValues(Side):
    """out = sum over offsets of block(weights) * shifted v, plus a linear of the weights."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        blocks = self.per_offset("ch,ci->cih")  # (C, k*k, heads)
        self.blocks = nn.ModuleList(dense(block.flatten(1)) for block in blocks)
        self.of_weights = dense(torch.einsum("ch,ci->cih", self.spread, self.shift).flatten(1))

    def forward(self, weights: Tensor, v: Tensor) -> Tensor:
        """Joint weights and a map of C channels -> a map of C channels."""
        out: Tensor = self.of_weights(weights)
        for block, shifted in zip(self.blocks, self.offsets(v), strict=True):
            out = out + block(weights) * shifted
        return out


class WideShiftedValues(Side):
    """`ShiftedValues` with one product over all offsets."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        blocks = [block.flatten(1) for block in self.per_offset("ch,ci->cih")]
        self.block = dense(torch.cat(blocks, 0))
        self.sum = dense(torch.eye(self.channels).repeat(1, self.taps))
        self.of_weights = dense(torch.einsum("ch,ci->cih", self.spread, self.shift).flatten(1))

    def forward(self, weights: Tensor, v: Tensor) -> Tensor:
        """Joint weights and a map of C channels -> a map of C channels."""
        shifted = torch.cat(self.offsets(v), self.channel_axis())
        out: Tensor = self.sum(self.block(weights) * shifted) + self.of_weights(weights)
        return out


class WideTapValues(Side):
    """One convolution for all taps, one product, one sum over the taps."""

    def __init__(self, taps: nn.ModuleList, heads: int) -> None:
        super().__init__(taps, heads)
        self.conv = self.all_taps()
        rows = torch.einsum("ch,ij->cijh", self.spread, torch.eye(self.taps))
        self.widen = dense(rows.reshape(self.channels * self.taps, -1))
        self.sum = dense(torch.eye(self.channels).repeat_interleave(self.taps, dim=1))

    def forward(self, weights: Tensor, v: Tensor) -> Tensor:
        """Joint weights and a map of C channels -> a map of C channels."""
        values = self.tokens(self.conv(self.maps(v)))
        out: Tensor = self.sum(self.widen(weights) * values)
        return out


MakeSide = Callable[[nn.ModuleList, int], Side]
K_SIDES: dict[str, MakeSide] = {
    "shifts": ShiftedKeys,
    "wide shifts": WideShiftedKeys,
    "wide taps": WideTapKeys,
}
V_SIDES: dict[str, MakeSide] = {
    "shifts": ShiftedValues,
    "wide shifts": WideShiftedValues,
    "wide taps": WideTapValues,
}


def dense(weight: Tensor) -> nn.Linear:
    """A linear without bias; a parameter, so that int8 formats quantise it."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    made.weight = nn.Parameter(weight.contiguous())
    return made


def last_axis_softmax(joint: Tensor, taps: int, *, channels_first: bool) -> Tensor:
    """Softmax over the taps of joint logits, by moving the taps to the last axis and back."""
    if channels_first:
        _, c, h, w = joint.shape
        x = joint.reshape(taps, c // taps, h * w).permute(1, 2, 0).softmax(-1)
        return x.permute(2, 0, 1).reshape(1, c, h, w)
    _, h, w, c = joint.shape
    x = joint.reshape(h * w, taps, c // taps).permute(0, 2, 1).softmax(-1)
    return x.permute(0, 2, 1).reshape(1, h, w, c)
