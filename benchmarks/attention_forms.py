"""Ways to write local attention with convolutions and matmuls, all equal, for `attention.py`.

With the two paths merged, W_i the depthwise kernel of tap i, b_i its bias, r[h, i] the position
bias, S the sum over the channels of a head, S' its transpose (heads -> C), a the softmax:

    K side   logit[h, i] = S(q * (W_i conv k + b_i + r[h, i]))                          "taps"
             = sum over offsets d of  B_d (q * shift_d k)  +  linear(q)                 "shifts"
    V side   out = sum_i S'(a_i) * (W_i conv v + b_i)                                   "taps"
             = sum over offsets d of  (B'_d a) * shift_d v  +  linear(a)                "shifts"

"shifts" moves the k^4 work from depthwise convolutions into dense products. Each side also comes
"wide": one operation over all taps side by side (k*k*C channels), in place of k*k. "broadcast" is
"taps" on the V side without S': the weight of a head multiplies its d channels by broadcasting;
"sums" is "taps" on the K side without S: a sum over the d channels of each head.

`deploy` ships "taps", with "sums", "broadcast" or strips where forms.json says so. The
others are here to be measured beside it.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.merge_paths import MergedSlideAttention, merge_paths
from slide_mobile.deploy.split_taps import linear
from slide_mobile.models.layers.slide_attention import SlideAttention

Side = Literal["taps", "shifts", "wide shifts", "wide taps", "broadcast", "sums"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """A way to write the attention; `strips` is how many parts the rows are computed in."""

    k: Side = "taps"
    v: Side = "taps"
    softmax: Literal["written out", "last axis"] = "written out"
    maximum: bool = True  # subtracted before exp; without it logits must stay below 88
    strips: int = 1

    def __str__(self) -> str:
        parts = [f"K {self.k}, V {self.v}"]
        parts += ["softmax over the last axis"] * (self.softmax == "last axis")
        parts += ["no maximum"] * (not self.maximum)
        parts += [f"{self.strips} strips"] * (self.strips > 1)
        return ", ".join(parts)


FORMS = (
    Form(),
    Form(maximum=False),
    Form(softmax="last axis"),
    Form(v="broadcast"),
    Form(k="sums", v="broadcast"),
    Form(v="shifts"),
    Form(v="wide taps"),
    Form(k="shifts"),
    Form(k="shifts", softmax="last axis"),
    Form(k="shifts", v="shifts"),
    Form(k="shifts", v="broadcast"),
    Form(k="wide shifts", v="wide shifts"),
    Form(k="wide taps", v="wide taps"),
    Form(strips=2),
    Form(strips=4),
    Form(strips=7),
)


class FormedAttention(nn.Module):
    """Local attention on (1, H, W, C), or on (1, C, H, W) where `channels_first`."""

    def __init__(
        self, published: SlideAttention, form: Form, *, channels_first: bool = False
    ) -> None:
        super().__init__()
        merged = merge_paths(published)
        assert isinstance(merged, MergedSlideAttention)
        self.form, self.channels_first = form, channels_first
        self.heads, self.d = heads, d = merged.num_heads, merged.head_dim
        self.side, self.taps = merged.k, merged.k**2
        rows = merged.qkv.weight.reshape(heads, 3, d, -1)
        bias = merged.qkv.bias.reshape(heads, 3, d)
        scales = (merged.scale, 1.0, 1.0)
        self.qkv = nn.ModuleList(
            self._dense(linear(rows[:, i] * s, bias[:, i] * s)) for i, s in enumerate(scales)
        )
        self.proj = self._dense(merged.proj)
        position = merged.relative_position_bias_table.reshape(heads, 1, self.taps)
        self._prepare_k(*_kernels(merged.gather_k, position))
        self._prepare_v(*_kernels(merged.gather_v, torch.zeros_like(position)))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        q, k, v = (project(x) for project in self.qkv)
        if self.form.strips == 1:
            return self.proj(self._core(q, k, v, inside=False))
        axis, edge = self._axes()[0], self.side // 2
        rows = q.shape[axis] // self.form.strips
        k, v = self._pad(k), self._pad(v)
        outs = []
        for i in range(self.form.strips):
            around = [t.narrow(axis, i * rows, rows + 2 * edge) for t in (k, v)]
            outs.append(self._core(q.narrow(axis, i * rows, rows), *around, inside=True))
        return self.proj(torch.cat(outs, axis))

    def _core(self, q: Tensor, k: Tensor, v: Tensor, *, inside: bool) -> Tensor:
        """q, k, v -> weighted v; `inside`: k and v are padded already."""
        logits = self._logits(q, k, inside)
        return self._mixed(self._weights(logits), v, inside)

    # Logits and weights are lists of k*k maps of `heads` channels, or one map of k*k * heads
    # channels, head-major or tap-major as the next step wants it.

    def _prepare_k(self, weight: Tensor, bias: Tensor) -> None:
        c, heads, taps = self.heads * self.d, self.heads, self.taps
        spread = torch.eye(heads).repeat_interleave(self.d, dim=0)  # (C, heads)
        if self.form.k in {"taps", "sums"}:
            self.k_convs = nn.ModuleList(
                self._depthwise(weight[:, i], bias[:, i]) for i in range(taps)
            )
            self.sum = self._fixed(spread.t())
        elif self.form.k == "wide taps":
            self.k_wide = self._depthwise(weight.flatten(0, 1), bias.flatten())  # [c][i]
            self.repeat = self._fixed(torch.eye(c).repeat_interleave(taps, dim=0))
            rows = torch.einsum("ch,ij->ihcj", spread, torch.eye(taps)).reshape(taps * heads, -1)
            self.sum = self._fixed(rows)
        else:
            # (taps, heads, C) for each offset; rows are [tap][head].
            blocks = [
                torch.einsum("ch,ci->ihc", spread, weight[:, :, y, x]).reshape(-1, c)
                for y in range(self.side)
                for x in range(self.side)
            ]
            self.k_bias = self._fixed(torch.einsum("ch,ci->ihc", spread, bias).reshape(-1, c))
            if self.form.k == "shifts":
                self.k_blocks = nn.ModuleList(map(self._fixed, blocks))
            else:
                self.k_block = self._fixed(torch.cat(blocks, 1))

    def _prepare_v(self, weight: Tensor, bias: Tensor) -> None:
        c, heads, taps = self.heads * self.d, self.heads, self.taps
        spread = torch.eye(heads).repeat_interleave(self.d, dim=0)
        if self.form.v in {"taps", "broadcast"}:
            self.v_convs = nn.ModuleList(
                self._depthwise(weight[:, i], bias[:, i]) for i in range(taps)
            )
            self.spread = self._fixed(spread)
        elif self.form.v == "wide taps":
            self.v_wide = self._depthwise(weight.flatten(0, 1), bias.flatten())  # [c][i]
            rows = torch.einsum("ch,ij->cijh", spread, torch.eye(taps)).reshape(c * taps, -1)
            self.spread = self._fixed(rows)
            self.v_sum = self._fixed(torch.eye(c).repeat_interleave(taps, dim=1))
        else:
            blocks = [
                torch.einsum("ch,ci->cih", spread, weight[:, :, y, x]).reshape(c, -1)
                for y in range(self.side)
                for x in range(self.side)
            ]
            self.v_bias = self._fixed(torch.einsum("ch,ci->cih", spread, bias).reshape(c, -1))
            if self.form.v == "shifts":
                self.v_blocks = nn.ModuleList(map(self._fixed, blocks))
            else:
                self.v_block = self._fixed(torch.cat(blocks, 0))
                self.v_sum = self._fixed(torch.eye(c).repeat(1, taps))

    def _logits(self, q: Tensor, k: Tensor, inside: bool) -> list[Tensor] | Tensor:
        if self.form.k == "sums":
            return [self._head_sums(q * self._conv(conv, k, inside)) for conv in self.k_convs]
        if self.form.k == "taps":
            return [self.sum(q * self._conv(conv, k, inside)) for conv in self.k_convs]
        if self.form.k == "wide taps":
            return self.sum(self.repeat(q) * self._conv(self.k_wide, k, inside))
        shifted = self._shifted(k, inside)
        if self.form.k == "wide shifts":
            products = torch.cat([q * s for s in shifted], self._channels())
            return self.k_block(products) + self.k_bias(q)
        total = self.k_bias(q)
        for block, s in zip(self.k_blocks, shifted, strict=True):
            total = total + block(q * s)
        return total

    def _head_sums(self, product: Tensor) -> Tensor:
        """A map of C channels -> one of heads."""
        if self.channels_first:
            return self._by_head(product, self.d).sum(1)[None]
        _, h, w, _ = product.shape
        return self._by_head(product, self.d).sum(3).reshape(1, h, w, self.heads)

    def _weights(self, logits: list[Tensor] | Tensor) -> list[Tensor] | Tensor:
        """Softmax over the taps."""
        if self.form.softmax == "last axis":
            joint = torch.cat(logits, self._channels()) if isinstance(logits, list) else logits
            return self._softmax(joint)
        if not isinstance(logits, list):
            logits = [
                logits.narrow(self._channels(), i * self.heads, self.heads)
                for i in range(self.taps)
            ]
        if self.form.maximum:
            largest = logits[0]
            for logit in logits[1:]:
                largest = torch.maximum(largest, logit)
            logits = [logit - largest for logit in logits]
        weights = [torch.exp(logit) for logit in logits]
        total = weights[0]
        for weight in weights[1:]:
            total = total + weight
        share = torch.rsqrt(total * total)
        return [weight * share for weight in weights]

    def _softmax(self, joint: Tensor) -> Tensor:
        """Over the taps of [tap][head] channels, by moving the taps to the last axis."""
        if self.channels_first:
            _, _, h, w = joint.shape
            x = joint.reshape(self.taps, self.heads, h * w).permute(1, 2, 0).softmax(-1)
            return x.permute(2, 0, 1).reshape(1, -1, h, w)
        _, h, w, _ = joint.shape
        x = joint.reshape(h * w, self.taps, self.heads).permute(0, 2, 1).softmax(-1)
        return x.permute(0, 2, 1).reshape(1, h, w, -1)

    def _mixed(self, weights: list[Tensor] | Tensor, v: Tensor, inside: bool) -> Tensor:
        if self.form.v in {"taps", "broadcast"}:
            if not isinstance(weights, list):
                weights = [
                    weights.narrow(self._channels(), i * self.heads, self.heads)
                    for i in range(self.taps)
                ]
            out = None
            for weight, conv in zip(weights, self.v_convs, strict=True):
                value = self._conv(conv, v, inside)
                if self.form.v == "taps":
                    term = self.spread(weight) * value
                else:
                    term = self._by_head(value, self.d) * self._by_head(weight, 1)
                out = term if out is None else out + term
            assert out is not None
            return out if self.form.v == "taps" else out.reshape(value.shape)
        joint = torch.cat(weights, self._channels()) if isinstance(weights, list) else weights
        if self.form.v == "wide taps":
            return self.v_sum(self.spread(joint) * self._conv(self.v_wide, v, inside))
        shifted = self._shifted(v, inside)
        if self.form.v == "wide shifts":
            side_by_side = torch.cat(shifted, self._channels())
            return self.v_sum(self.v_block(joint) * side_by_side) + self.v_bias(joint)
        out = self.v_bias(joint)
        for block, s in zip(self.v_blocks, shifted, strict=True):
            out = out + block(joint) * s
        return out

    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.channels_first else (1, 2)

    def _channels(self) -> int:
        return 1 if self.channels_first else 3

    def _pad(self, x: Tensor) -> Tensor:
        edge = [self.side // 2] * 4
        return F.pad(x, edge if self.channels_first else [0, 0, *edge])

    def _shifted(self, x: Tensor, inside: bool) -> list[Tensor]:
        """The map seen from each offset, rows first."""
        x = x if inside else self._pad(x)
        rows, columns = self._axes()
        h, w = (x.shape[axis] - 2 * (self.side // 2) for axis in (rows, columns))
        return [
            x.narrow(rows, y, h).narrow(columns, z, w)
            for y in range(self.side)
            for z in range(self.side)
        ]

    def _conv(self, conv: nn.Module, x: Tensor, inside: bool) -> Tensor:
        assert isinstance(conv, nn.Conv2d)
        padding = 0 if inside else self.side // 2
        maps = x if self.channels_first else x.permute(0, 3, 1, 2)
        out = F.conv2d(maps, conv.weight, conv.bias, padding=padding, groups=conv.groups)
        return out if self.channels_first else out.permute(0, 2, 3, 1)

    def _by_head(self, x: Tensor, d: int) -> Tensor:
        if self.channels_first:
            return x.reshape(self.heads, d, x.shape[2], x.shape[3])
        return x.reshape(1, x.shape[1] * x.shape[2], self.heads, d)

    def _depthwise(self, weight: Tensor, bias: Tensor) -> nn.Conv2d:
        """Of (C, side, side) or (C * taps, side, side) kernels over C channels."""
        c = self.heads * self.d
        conv = nn.Conv2d(c, len(weight), self.side, groups=c)
        conv.weight, conv.bias = nn.Parameter(weight[:, None].clone()), nn.Parameter(bias.clone())
        return conv

    def _dense(self, made: nn.Linear) -> nn.Module:
        if not self.channels_first:
            return made
        conv = nn.Conv2d(made.in_features, made.out_features, 1, bias=made.bias is not None)
        conv.weight, conv.bias = nn.Parameter(made.weight[:, :, None, None].clone()), made.bias
        return conv

    def _fixed(self, weight: Tensor) -> nn.Module:
        made = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        made.weight = nn.Parameter(weight.contiguous())
        return self._dense(made)


def _kernels(gather: nn.Conv2d, position: Tensor) -> tuple[Tensor, Tensor]:
    """Kernels (C, taps, side, side) and biases (C, taps) of a merged gather, for all heads."""
    d, side = gather.in_channels, gather.kernel_size[0]
    heads, _, taps = position.shape
    assert gather.bias is not None
    weight = gather.weight.reshape(d, taps, side, side).repeat(heads, 1, 1, 1)
    bias = gather.bias.reshape(1, d, taps) + position
    return weight, bias.reshape(heads * d, taps)
