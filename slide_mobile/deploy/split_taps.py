"""Local attention tap by tap, at rank 4: linears, depthwise convolutions and elementwise products.

    before   q, K, V  of shape (B, heads, d, k*k, H, W)          rank 6, K and V expanded k*k-fold
             logit[h, i] = sum_c q[c] * (K_i[c] + r[h, i])       softmax over i, sum over i
    after    for each tap i but the centre c, on maps of shape (B, H, W, C):
             logit_i = head_sum(q * depthwise_i(k))              its kernel is W_i - W_c
             out     = centre(v) + sum_i head_spread(a_i) * depthwise_i(v)
             a_i     = exp(logit_i - m) / (exp(-m) + sum_j exp(logit_j - m)),  m = max(0, logits)

Softmax does not change when the centre's logit is subtracted from all, so the centre's is zero, and
the kernels, biases and r[h, i] of the others become differences. The weights add up to one, so the
centre's weight is one minus the others', and its value needs no product. No exponent is positive
and one of them is zero, so that neither overflow nor a division by zero can happen.

`head_sum` (C -> heads) adds the channels of a head, and `head_spread` (heads -> C) repeats its
weight over them; both are linears with constant 0/1 weights. The head-major rows of the published
qkv become three separate projections q, k and v, and the scale goes into the rows of q. Softmax
over the taps is written out (maximum, exp, sum), because the taps are separate tensors. It runs
more than 4 times faster than the published graph on XNNPACK (56x56x96, 3 heads, one thread).

`forms` may ask for variants: a sum over d of (.., heads, d) instead of `head_sum`, a product
(.., heads, d) * (.., heads, 1) instead of `head_spread`, and computation in strips of rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.forms import PLAIN, Form, Forms, Shape
from slide_mobile.deploy.layout import FixedLinear, Laid
from slide_mobile.deploy.merge_paths import MergedSlideAttention
from slide_mobile.deploy.shift_taps import ShiftedKeys, ShiftedValues, joint_shares


class TapAttention(Laid):
    """Attention over k * k neighbors, with one depthwise convolution per tap.

    `taps_k` and `taps_v` are those of all taps but the centre, as differences from it; `centre_v`
    gives the centre's value, with the positional encoding if there is one.
    """

    forms = PLAIN

    def __init__(self, merged: MergedSlideAttention) -> None:
        super().__init__()
        self.num_heads, self.edge = merged.num_heads, merged.k // 2
        heads, d, taps = merged.num_heads, merged.head_dim, merged.k**2
        rows = merged.qkv.weight.reshape(heads, 3, d, -1)  # [head][q|k|v][d]
        bias = merged.qkv.bias.reshape(heads, 3, d)
        self.q = linear(rows[:, 0] * merged.scale, bias[:, 0] * merged.scale)
        self.k = linear(rows[:, 1], bias[:, 1])
        self.v = linear(rows[:, 2], bias[:, 2])
        self.proj = merged.proj

        position = merged.relative_position_bias_table.reshape(heads, 1, taps)
        _, around_k = _about_centre(split(merged.gather_k, position))
        self.centre_v, around_v = _about_centre(split(merged.gather_v, torch.zeros_like(position)))
        self.taps_k, self.taps_v = nn.ModuleList(around_k), nn.ModuleList(around_v)
        self.get_v = None if merged.get_v is None else _widened(merged.get_v, merged.k)
        if self.get_v is not None:
            _add_kernel(self.centre_v, self.get_v)
        self.shifted_k = ShiftedKeys(*_kernels(merged.gather_k), position[:, 0])
        self.shifted_v = ShiftedValues(*_kernels(merged.gather_v), heads)

        spread = torch.eye(heads).repeat_interleave(d, dim=0)  # (C, heads)
        self.head_sum, self.head_spread = FixedLinear(spread.t()), FixedLinear(spread)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        q, k, v = self.q(x), self.k(x), self.v(x)
        form = self.form(q)
        if form.strips == 1 and form.shifts == "none":
            return self.proj(self.attend(q, k, v, form, padding=self.edge))
        axis = 2 if self.channels_first else 1
        rows, k, v = q.shape[axis], self.pad(k), self.pad(v)
        count = min(form.strips, rows)
        bounds = [rows * i // count for i in range(count + 1)]
        strips = [
            self.attend(
                q.narrow(axis, first, last - first),
                k.narrow(axis, first, last - first + 2 * self.edge),
                v.narrow(axis, first, last - first + 2 * self.edge),
                form,
                padding=0,
            )
            for first, last in pairwise(bounds)
        ]
        return self.proj(torch.cat(strips, axis))

    def form(self, x: Tensor) -> Form:
        """Return the form for maps of the size of `x`, which is fixed when the model is traced."""
        _, *size = x.shape
        dim, h, w = size if self.channels_first else (size[2], size[0], size[1])
        shape = Shape(height=h, width=w, dim=dim, heads=self.num_heads)
        form = self.forms.nearest("slide", shape)
        return replace(form, shifts="none") if self.channels_first else form

    def attend(self, q: Tensor, k: Tensor, v: Tensor, form: Form, *, padding: int) -> Tensor:
        """Return the attention output for the rows in `q`, before the output projection.

        `padding` is the zero padding of the depthwise convolutions; where it is 0, k and v bring
        k // 2 more rows and columns on each side.
        """
        if form.shifts != "none":
            weights = joint_shares(self.shifted_k(q, k))
            if form.shifts == "both":
                return self.mixed(weights, v).reshape(q.shape)
            of_taps = [one.reshape(*q.shape[:3], -1) for one in weights.split(1, -1)]
            return self.weighted(of_taps, self.maps(v), form, padding).reshape(q.shape)
        k, v = self.maps(k), self.maps(v)
        summed = self.by_sum if form.head_sum == "sum" else self.head_sum
        logits = [summed(q * self.tap(k, conv, padding)) for conv in self.taps_k]
        return self.weighted(self.shares(logits), v, form, padding).reshape(q.shape)

    def weighted(self, weights: Sequence[Tensor], v: Tensor, form: Form, padding: int) -> Tensor:
        """Return the centre's value plus the weighted differences of the others from it."""
        broadcast = form.head_broadcast == "broadcast"
        by_weight = self.by_broadcasting if broadcast else self.by_matmul
        out = self.tap(v, self.centre_v, padding)
        out = self.by_head(out) if broadcast else out
        for weight, conv in zip(weights, self.taps_v, strict=True):
            out = out + by_weight(weight, self.tap(v, conv, padding))
        return out

    def mixed(self, weights: Tensor, v: Tensor) -> Tensor:
        """Return the same from shifted maps: v is padded, (1, H * W, heads, taps) are weights."""
        out: Tensor = self.shifted_v(weights, v)
        if self.get_v is not None:
            out = out + self.by_head(self.tap(self.maps(v), self.get_v, 0))
        return out

    def shares(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Softmax over these logits and that of the centre, 0: the weights of the others."""
        largest = torch.relu(reduce(torch.maximum, logits))
        weights = [torch.exp(logit - largest) for logit in logits]  # each (B, H, W, heads)
        total = reduce(torch.add, weights, torch.exp(-largest))
        # This is 1 / total: not every delegate has a reciprocal, or takes 1 as a constant operand.
        share = torch.rsqrt(total * total)
        return [weight * share for weight in weights]

    def tap(self, maps: Tensor, conv: nn.Module, padding: int) -> Tensor:
        """Apply one depthwise convolution; the result is in the model's layout."""
        assert isinstance(conv, nn.Conv2d)
        return self.tokens(F.conv2d(maps, conv.weight, conv.bias, 1, padding, groups=conv.groups))

    def by_sum(self, x: Tensor) -> Tensor:
        """Sum each head's channels: (B, H, W, C) -> (B, H, W, heads)."""
        if self.channels_first:
            return self.by_head(x).sum(2).reshape(x.shape[0], self.num_heads, *x.shape[2:])
        return self.by_head(x).sum(3).reshape(*x.shape[:3], self.num_heads)

    def by_matmul(self, weight: Tensor, value: Tensor) -> Tensor:
        """Weight the channels of each head: (.., heads), (.., C) -> (.., C)."""
        return self.head_spread(weight) * value

    def by_broadcasting(self, weight: Tensor, value: Tensor) -> Tensor:
        """(B, H, W, heads), (B, H, W, C) -> (B, H * W, heads, d), or (B, heads, d, H * W)."""
        return self.by_head(weight) * self.by_head(value)

    def by_head(self, x: Tensor) -> Tensor:
        """A map of heads * n channels -> (B, H * W, heads, n), or (B, heads, n, H * W)."""
        if self.channels_first:
            return x.reshape(x.shape[0], self.num_heads, -1, x.shape[2] * x.shape[3])
        return x.reshape(x.shape[0], x.shape[1] * x.shape[2], self.num_heads, -1)

    def pad(self, x: Tensor) -> Tensor:
        """Pad a map with the zeros that the convolutions would add."""
        edges = [self.edge] * 4
        return F.pad(x, edges if self.channels_first else [0, 0, *edges])


@torch.no_grad()
def split_taps(module: nn.Module) -> nn.Module | None:
    """Return a TapAttention for a MergedSlideAttention, None for any other module."""
    return TapAttention(module) if type(module) is MergedSlideAttention else None


def choose_taps(module: nn.Module, forms: Forms) -> nn.Module | None:
    """Give a TapAttention its forms, in place; None for any other module."""
    if not isinstance(module, TapAttention):
        return None
    module.forms = forms
    return module


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Return a linear with weight (..., C_in) and bias; leading dimensions are flattened."""
    weight = weight.reshape(-1, weight.shape[-1])
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight, made.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.flatten().clone())
    return made


def _widened(conv: nn.Conv2d, side: int) -> nn.Conv2d:
    """Pad a depthwise kernel with zeros to side x side, so that it needs the taps' padding."""
    edge = (side - conv.kernel_size[0]) // 2
    channels = conv.out_channels
    wide = nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels)
    wide.weight, wide.bias = nn.Parameter(F.pad(conv.weight, [edge] * 4)), conv.bias
    return wide


def _kernels(gather: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return the kernels of all taps, (d, taps, k, k), and their biases, (d, taps)."""
    d, side = gather.in_channels, gather.kernel_size[0]
    assert gather.bias is not None
    return gather.weight.reshape(d, -1, side, side), gather.bias.reshape(d, -1)


def split(gather: nn.Conv2d, position: Tensor) -> list[nn.Conv2d]:
    """Return one depthwise convolution over all heads per tap; `position` joins its bias."""
    # Output channel c * k * k + i of the gather is tap i of channel c, the same for every head.
    d, side = gather.in_channels, gather.kernel_size[0]
    heads, taps = position.shape[0], side**2
    weight = gather.weight.reshape(d, taps, 1, side, side)
    assert gather.bias is not None
    bias = gather.bias.reshape(1, d, taps) + position  # (heads, d, taps)
    convs = []
    for i in range(taps):
        conv = nn.Conv2d(heads * d, heads * d, side, padding=side // 2, groups=heads * d)
        conv.weight = nn.Parameter(weight[:, i].repeat(heads, 1, 1, 1))
        conv.bias = nn.Parameter(bias[:, :, i].expand(heads, d).flatten().clone())
        convs.append(conv)
    return convs


def _about_centre(taps: Sequence[nn.Conv2d]) -> tuple[nn.Conv2d, list[nn.Conv2d]]:
    """Return the centre tap, and the others minus it."""
    centre = taps[len(taps) // 2]
    around = [tap for tap in taps if tap is not centre]
    for tap in around:
        _add_kernel(tap, centre, by=-1)
    return centre, around


def _add_kernel(to: nn.Conv2d, conv: nn.Conv2d, by: float = 1) -> None:
    """Add `by` times a depthwise kernel and its bias to another of the same size, in place."""
    assert to.bias is not None and conv.bias is not None
    to.weight.data += by * conv.weight
    to.bias.data += by * conv.bias
