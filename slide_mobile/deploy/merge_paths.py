"""Merge the fixed shift and its learned deformation into one depthwise convolution.

    before   K = dep_conv(k) + dep_conv1(k)      two depthwise convolutions and an add, twice
             V = dep_conv(v) + dep_conv1(v)      (dep_conv2 where the file has a third path)
    after    K = gather_k(k),  V = gather_v(v)

Convolution is linear in its kernel, so weights and biases add (RepVGG, arXiv:2101.03697). Both
paths are summed with the values in the file: the first path is not assumed to be a pure shift,
because it may have been trained, and its bias is not zero in the released code.
"""

from torch import Tensor, nn

from slide_mobile.models.layers.slide_attention import LocalAttention, SlideAttention


class MergedSlideAttention(LocalAttention):
    """Published slide attention with one gathering convolution for K and one for V."""

    def __init__(self, published: SlideAttention) -> None:
        super().__init__(
            published.dim,
            published.num_heads,
            published.k,
            dim_reduction=published.dim // published.inner_dim,
            lepe=published.get_v is not None,
        )
        self.qkv, self.proj, self.get_v = published.qkv, published.proj, published.get_v
        self.relative_position_bias_table = published.relative_position_bias_table
        learned_v = published.dep_conv2 or published.dep_conv1
        self.gather_k = _sum(published.dep_conv, published.dep_conv1)
        self.gather_v = _sum(published.dep_conv, learned_v)

    def neighbours(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(B * heads, d, H, W) twice -> (B * heads, d * k * k, H, W) twice."""
        return self.gather_k(k), self.gather_v(v)


def merge_paths(module: nn.Module) -> nn.Module | None:
    """Return a MergedSlideAttention for a SlideAttention, None for any other module."""
    return MergedSlideAttention(module) if type(module) is SlideAttention else None


def _sum(a: nn.Conv2d, b: nn.Conv2d) -> nn.Conv2d:
    """Return one convolution that computes a(x) + b(x)."""
    conv = nn.Conv2d(
        a.in_channels, a.out_channels, a.kernel_size[0], padding=a.padding[0], groups=a.groups
    )
    assert a.bias is not None and b.bias is not None
    conv.weight = nn.Parameter(a.weight + b.weight)
    conv.bias = nn.Parameter(a.bias + b.bias)
    return conv
