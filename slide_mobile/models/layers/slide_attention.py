"""Local self-attention over a k x k neighbourhood, as published.

Paper: "Slide-Transformer: Hierarchical Vision Transformer with Local Self-Attention",
Pan et al., CVPR 2023 (https://arxiv.org/abs/2304.04237).
Origin of names and shapes: LeapLabTHU/Slide-Transformer @6b1e184, models/slide_swin.py;
the third path and `dim_reduction`: LeapLabTHU/DAT @2f31405, models/slide.py.

Two details of the published code are unexpected, and every rewrite depends on them. The rows
of `qkv` are head-major, [head][q|k|v][d], where Swin's are [q|k|v][head][d]. The relative
position bias is added to K, not to the logits. Neighbors outside the image are not masked:
they take part in the softmax, and their K is the convolution's bias, because the zero padding
comes after the qkv linear.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention

__all__ = ["Im2ColAttention", "SlideAttention"]


def shift_kernel(head_dim: int, k: int) -> Tensor:
    """Return one-hot depthwise kernels, (head_dim * k * k, 1, k, k): tap i reads neighbor i."""
    return torch.eye(k * k).reshape(k * k, 1, k, k).repeat(head_dim, 1, 1, 1)


class LocalAttention(Attention):
    """Base of the two local attentions: projections, and softmax over k * k neighbors.

    `lepe` adds CSwin's positional encoding to the output: `get_v`, a 3x3 depthwise convolution of
    the values (arXiv:2107.00652).
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        k: int = 3,
        *,
        dim_reduction: int = 1,
        lepe: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.num_heads, self.k = dim, num_heads, k
        self.inner_dim = dim // dim_reduction
        self.head_dim = self.inner_dim // num_heads
        # DAT keeps the scale of the unreduced head: (C / h) ** -0.5, not d ** -0.5.
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * self.inner_dim)
        self.proj = nn.Linear(self.inner_dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(1, num_heads, 1, k * k, 1, 1))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        inner = self.inner_dim
        self.get_v = nn.Conv2d(inner, inner, 3, padding=1, groups=inner) if lepe else None

    def neighbours(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Gather neighbors: (B * heads, d, H, W) twice -> (B * heads, d * k * k, H, W) twice."""
        raise NotImplementedError

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.K and attention.V on an H x W map."""
        return 2 * h * w * self.inner_dim * self.k**2

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        b, h, w, _ = x.shape
        qkv = self.qkv(x).permute(0, 3, 1, 2)  # (B, 3C, H, W), rows [head][q|k|v][d]
        qkv = qkv.reshape(b * self.num_heads, 3 * self.head_dim, h, w)
        q, k, v = qkv.split(self.head_dim, dim=1)

        grouped = (b, self.num_heads, self.head_dim, -1, h, w)
        q = (q * self.scale).reshape(grouped)  # (B, heads, d, 1, H, W)
        around_k, around_v = self.neighbours(k, v)
        # (B, heads, d, k*k, H, W)
        k, around_v = around_k.reshape(grouped), around_v.reshape(grouped)
        k = k + self.relative_position_bias_table

        attn = (q * k).sum(2, keepdim=True).softmax(dim=3)  # (B, heads, 1, k*k, H, W)
        out = (attn * around_v).sum(3).reshape(b, self.inner_dim, h, w)
        if self.get_v is not None:
            out = out + self.get_v(v.reshape(out.shape))
        return self.proj(out.permute(0, 2, 3, 1))


class SlideAttention(LocalAttention):
    """Local attention that gathers neighbors by depthwise convolutions: shift plus deformation.

    `dep_conv` starts as the pure shift; the released training freezes its weight but not its bias.
    `dep_conv1` is the learned deformation, and starts from PyTorch's default, not from zero. With
    `separate_v`, V has its own learned path `dep_conv2` (DAT's `share_dwc_kernel=False`).
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        k: int = 3,
        *,
        dim_reduction: int = 1,
        separate_v: bool = False,
        lepe: bool = False,
    ) -> None:
        super().__init__(dim, num_heads, k, dim_reduction=dim_reduction, lepe=lepe)

        def path() -> nn.Conv2d:
            d = self.head_dim
            return nn.Conv2d(d, d * k * k, k, padding=k // 2, groups=d)

        self.dep_conv, self.dep_conv1 = path(), path()
        self.dep_conv.weight = nn.Parameter(shift_kernel(self.head_dim, k), requires_grad=False)
        self.dep_conv2 = path() if separate_v else None

    def neighbours(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add shift and deformation, for K and for V."""
        learned_v = self.dep_conv1 if self.dep_conv2 is None else self.dep_conv2
        return self.dep_conv(k) + self.dep_conv1(k), self.dep_conv(v) + learned_v(v)


class Im2ColAttention(LocalAttention):
    """Local attention that gathers neighbors by `unfold`: the paper's Im2Col baseline (figure 2).

    It equals SlideAttention with the pure shift alone, without deformation and biases.
    """

    def neighbours(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Unfold K and V, with zeros outside the image."""
        return self._unfold(k), self._unfold(v)

    def _unfold(self, x: Tensor) -> Tensor:
        """(N, d, H, W) -> (N, d * k * k, H, W)."""
        n, _, h, w = x.shape
        return F.unfold(x, self.k, padding=self.k // 2).reshape(n, -1, h, w)
