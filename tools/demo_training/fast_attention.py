"""The published local attention in a form that trains several times as fast on a CPU.

    published   K_j = sum_i W_ji shift_i(k) + b_j + r_j, a grouped convolution to k * k * d channels
                logits_j = q . K_j
    here        logits_j = sum_i W_ji . (q * shift_i(k)) + q . (b_j + r_j), matrix products

and likewise for V: sum_j a_j V_j = sum_i shift_i(v) * (sum_j a_j W_ji) + sum_j a_j b_j. Both are
the same sums in another order (W: the two depthwise kernels added, b: their biases, r: the
relative position bias), so the forms agree to rounding; tests/tools compares them.

Maps are kept as planes (d, heads, b, y, x) with a border of zeros, so that a shift is an offset
into contiguous memory and the kernel one matrix.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.slide_attention import SlideAttention


class _Attend(torch.autograd.Function):
    """Softmax attention over shifted planes; forward and backward fill one large buffer each.

    q is (d, N), k and v are (d, N + 2 * margin), `kernel` (k*k * d, k*k) takes shift and channel
    to neighbour, `bias` is (d, k*k), `fixed` (k*k, N) the part of the logits without k. Column
    n's neighbour under shift i is column n + offsets[i].
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        kernel: Tensor,
        bias: Tensor,
        fixed: Tensor,
        offsets: list[int],
    ) -> Tensor:
        """The output, (d, N)."""
        buffer = q.new_empty(len(offsets), *q.shape)
        pairs = buffer.flatten(0, 1)  # (k*k * d, N), a view
        _times_shifts(q, k, offsets, buffer)
        attn = torch.addmm(fixed, kernel.T, pairs).softmax(0)
        torch.mm(kernel, attn, out=pairs)
        out = bias @ attn
        for weight, offset in zip(buffer, offsets, strict=True):
            out.addcmul_(weight, v[:, offset : offset + q.shape[1]])
        ctx.save_for_backward(q, k, v, kernel, bias, attn)
        ctx.offsets = offsets
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of q, k, v, kernel, bias and fixed."""
        q, k, v, kernel, bias, attn = ctx.saved_tensors
        offsets, n, grad = ctx.offsets, q.shape[1], grads[0].contiguous()
        buffer = q.new_empty(len(offsets), *q.shape)
        pairs = buffer.flatten(0, 1)

        _times_shifts(grad, v, offsets, buffer)
        grad_attn = torch.addmm(bias.T @ grad, kernel.T, pairs)
        grad_kernel = pairs @ attn.T
        torch.mm(kernel, attn, out=pairs)
        grad_v = torch.zeros_like(v)
        for weight, offset in zip(buffer, offsets, strict=True):
            grad_v[:, offset : offset + n].addcmul_(weight, grad)

        grad_logits = attn * grad_attn
        grad_logits -= attn * grad_logits.sum(0)
        _times_shifts(q, k, offsets, buffer)
        grad_kernel.addmm_(pairs, grad_logits.T)
        torch.mm(kernel, grad_logits, out=pairs)
        grad_q, grad_k = torch.zeros_like(q), torch.zeros_like(k)
        for weight, offset in zip(buffer, offsets, strict=True):
            grad_q.addcmul_(weight, k[:, offset : offset + n])
            grad_k[:, offset : offset + n].addcmul_(weight, q)
        return grad_q, grad_k, grad_v, grad_kernel, grad @ attn.T, grad_logits, None


def _times_shifts(x: Tensor, shifted: Tensor, offsets: list[int], out: Tensor) -> None:
    """Fill `out` with the products of x and each shifted plane."""
    for plane, offset in zip(out, offsets, strict=True):
        torch.mul(x, shifted[:, offset : offset + x.shape[1]], out=plane)


class FastSlideAttention(SlideAttention):
    """SlideAttention with `forward` reordered; parameters and their names are the same."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        b, h, w, _ = x.shape
        d, taps, heads, r = self.head_dim, self.k**2, self.num_heads, self.k // 2
        qkv = self.qkv(x).reshape(b, h, w, heads, 3, d).permute(4, 5, 3, 0, 1, 2)
        qkv = F.pad(qkv, (r, r, r, r)).reshape(3, d, -1)  # N = heads * B * (H + 2r) * (W + 2r)
        q = qkv[0] * self.scale
        # The farthest shift: what the first and the last column reach beyond the ends.
        row = w + 2 * r
        margin = r * row + r
        k, v = F.pad(qkv[1:], (margin, margin)).unbind(0)
        steps = range(-r, r + 1)
        offsets = [margin + dy * row + dx for dy in steps for dx in steps]

        kernel, bias = self._merged(q.dtype)
        table = self.relative_position_bias_table.reshape(heads, taps).T.to(q.dtype)
        fixed = (bias.T @ q).reshape(taps, heads, -1)
        fixed = fixed + q.sum(0).reshape(1, heads, -1) * table[:, :, None]
        attend: Callable[..., Tensor] = _Attend.apply
        out = attend(q, k, v, kernel, bias, fixed.reshape(taps, -1), offsets)
        out = out.reshape(d, heads, b, h + 2 * r, row)[..., r : r + h, r : r + w]
        out = out.permute(2, 3, 4, 1, 0).reshape(b, h, w, self.inner_dim)
        return cast(Tensor, self.proj(out))

    def _merged(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Kernel (k*k * d, k*k) and bias (d, k*k) of both paths together."""
        # Output channel c * taps + j of the convolutions is channel c's neighbour j.
        d, taps = self.head_dim, self.k**2
        assert self.dep_conv.bias is not None and self.dep_conv1.bias is not None
        kernel = (self.dep_conv.weight + self.dep_conv1.weight).reshape(d, taps, taps)
        bias = (self.dep_conv.bias + self.dep_conv1.bias).reshape(d, taps)
        return kernel.permute(2, 0, 1).reshape(taps * d, taps).to(dtype), bias.to(dtype)


def accelerate(model: nn.Module) -> nn.Module:
    """The same model with every SlideAttention in its fast form; the state dict stays."""
    for module in model.modules():
        if type(module) is SlideAttention:
            if module.dep_conv2 is not None:
                raise NotImplementedError(
                    "the fast form has one learned path; this attention has two, as DAT's has"
                )
            module.__class__ = FastSlideAttention
    return model
