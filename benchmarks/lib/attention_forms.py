"""Ways to write local attention with convolutions and matmuls, all equal.

With the two paths merged, W_i the depthwise kernel of tap i, b_i its bias, r[h, i] the position
bias, S the sum over the channels of a head, S' its transpose (heads -> C), a the softmax:

    K side   logit[h, i] = S(q * (W_i conv k + b_i + r[h, i]))                          "taps"
             = sum over offsets d of  B_d (q * shift_d k)  +  linear(q)                 "shifts"
    V side   out = sum_i S'(a_i) * (W_i conv v + b_i)                                   "taps"
             = sum over offsets d of  (B'_d a) * shift_d v  +  linear(a)                "shifts"

"shifts" moves the k^4 work from depthwise convolutions into dense products. Each side also comes
"wide": one operation over all taps side by side (k*k*C channels) instead of k*k operations.
"broadcast" is "taps" on the V side without S': the weight of a head multiplies its d channels by
broadcasting; "sums" is "taps" on the K side without S: a sum over the d channels of each head.

`deploy` ships "taps", "sums", "broadcast" and strips, as forms.json chooses; these are its own
`TapAttention`. The others (attention_sides.py) are here to be measured beside them.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from benchmarks.lib.attention_sides import K_SIDES, V_SIDES, last_axis_softmax
from slide_mobile.deploy import forms
from slide_mobile.deploy.channels_first import turn
from slide_mobile.deploy.merge_paths import MergedSlideAttention, merge_paths
from slide_mobile.deploy.split_taps import TapAttention, choose_taps, split
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.tasks import Layout

KSide = Literal["taps", "sums", "shifts", "wide shifts", "wide taps"]
VSide = Literal["taps", "broadcast", "shifts", "wide shifts", "wide taps"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """A way to write the attention; the rows of the map are computed in `strips` parts."""

    k: KSide = "taps"
    v: VSide = "taps"
    softmax: Literal["written out", "last axis"] = "written out"
    maximum: bool = True  # subtracted before exp; without it logits must stay below 88
    strips: int = 1

    def __str__(self) -> str:
        """The name in results and tables."""
        parts = [f"K {self.k}, V {self.v}"]
        parts += ["softmax over the last axis"] * (self.softmax == "last axis")
        parts += ["no maximum"] * (not self.maximum)
        parts += [f"{self.strips} strips"] * (self.strips > 1)
        return ", ".join(parts)

    @property
    def shipped(self) -> forms.Form | None:
        """The form of `deploy` that this is, if it is one."""
        plain = self.softmax == "written out" and self.maximum
        if not plain or self.k not in {"taps", "sums"} or self.v not in {"taps", "broadcast"}:
            return None
        return forms.Form(
            head_sum="sum" if self.k == "sums" else "matmul",
            head_broadcast="broadcast" if self.v == "broadcast" else "matmul",
            strips=self.strips,
        )


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


@torch.no_grad()
def formed(published: SlideAttention, form: Form, layout: Layout = "NHWC") -> nn.Module:
    """A published attention in a form, for maps of a layout."""
    merged = merge_paths(published)
    assert isinstance(merged, MergedSlideAttention)
    if form.shipped is None:
        attention: nn.Module = TriedAttention(merged, form)
    else:
        anywhere = forms.Shape(height=1, width=1, dim=merged.dim, heads=merged.num_heads)
        table = forms.Forms((("slide", anywhere, form.shipped),))
        attention = choose_taps(TapAttention(merged), table) or merged
    return turn(attention) if layout == "NCHW" else attention


class TriedAttention(TapAttention):
    """The shipped attention with other K and V sides, or another softmax."""

    def __init__(self, merged: MergedSlideAttention, tried: Form) -> None:
        super().__init__(merged)
        self.tried = tried
        position = merged.relative_position_bias_table.reshape(self.num_heads, 1, -1)
        # All taps, the centre too: these forms are older than the difference from it.
        self.taps_k = nn.ModuleList(split(merged.gather_k, position))
        self.taps_v = nn.ModuleList(split(merged.gather_v, torch.zeros_like(position)))
        self.k_side = K_SIDES[tried.k](self.taps_k, self.num_heads) if tried.k in K_SIDES else None
        self.v_side = V_SIDES[tried.v](self.taps_v, self.num_heads) if tried.v in V_SIDES else None
        # Kernels that a side has taken over must not be exported twice.
        if self.k_side is not None:
            self.taps_k = nn.ModuleList()
        if self.v_side is not None:
            self.taps_v = nn.ModuleList()
        self.count = merged.k**2

    def attend(self, q: Tensor, k: Tensor, v: Tensor, form: forms.Form, *, padding: int) -> Tensor:
        """What each pixel of q takes from v; the shipped form does not matter here."""
        weights = self._softmax(self._logits(q, k))
        if self.v_side is not None:
            mixed: Tensor = self.v_side(self._joined(weights), v)
            return mixed
        maps, out = self.maps(v), None
        for weight, conv in zip(self._split(weights), self.taps_v, strict=True):
            value = self.tap(maps, conv, padding)
            by = self.by_broadcasting if self.tried.v == "broadcast" else self.by_matmul
            term = by(weight, value)
            out = term if out is None else out + term
        assert out is not None
        return out.reshape(q.shape)

    # Logits and weights are a list of k*k maps of `heads` channels, or these maps side by side in
    # one map.

    def _logits(self, q: Tensor, k: Tensor) -> list[Tensor] | Tensor:
        """Logits of each tap, position bias included."""
        if self.k_side is not None:
            joint: Tensor = self.k_side(q, k)
            return joint
        maps = self.maps(k)
        return [self.head_sum(q * self.tap(maps, conv, self.edge)) for conv in self.taps_k]

    def _softmax(self, logits: list[Tensor] | Tensor) -> list[Tensor] | Tensor:
        """Softmax over the taps."""
        if self.tried.softmax == "last axis":
            joint = self._joined(logits)
            return last_axis_softmax(joint, self.count, channels_first=self.channels_first)
        logits = self._split(logits)
        if self.tried.maximum:
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

    def _joined(self, maps: list[Tensor] | Tensor) -> Tensor:
        """The maps side by side in one map."""
        return torch.cat(maps, 1 if self.channels_first else 3) if isinstance(maps, list) else maps

    def _split(self, maps: list[Tensor] | Tensor) -> list[Tensor]:
        """A map for each tap."""
        if isinstance(maps, list):
            return maps
        axis, heads = 1 if self.channels_first else 3, self.num_heads
        return [maps.narrow(axis, tap * heads, heads) for tap in range(self.count)]
