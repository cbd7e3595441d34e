"""Merge the fixed shift and its learned deformation into one depthwise convolution.

    before   K = dep_conv(k) + dep_conv1(k)      two depthwise convolutions and an add, twice
             V = dep_conv(v) + dep_conv1(v)      (dep_conv2 where the file has a third path)
    after    K = gather_k(k),  V = gather_v(v)

Convolution is linear in its kernel, so weights and biases add (RepVGG, arXiv:2101.03697). The
tensors of the file are summed as they are: the first path may have been trained, and its bias is
not zero in the released code.
"""

from torch import Tensor, nn

from slide_mobile.models.layers.slide_attention import LocalAttention, SlideAttention


class MergedSlideAttention(LocalAttention):
    """The published attention over one gather for K and one for V."""

    def __init__(self, published: SlideAttention) -> None:
        nn.Module.__init__(self)
        for name in ("dim", "num_heads", "k", "inner_dim", "head_dim", "scale"):
            setattr(self, name, getattr(published, name))
        self.qkv, self.proj, self.get_v = published.qkv, published.proj, published.get_v
        self.relative_position_bias_table = published.relative_position_bias_table
        learned_v = published.dep_conv2 or published.dep_conv1
        self.gather_k = _sum(published.dep_conv, published.dep_conv1)
        self.gather_v = _sum(published.dep_conv, learned_v)

    def neighbours(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(B * heads, d, H, W) twice -> (B * heads, d * k * k, H, W) twice."""
        return self.gather_k(k), self.gather_v(v)


def merge_paths(module: nn.Module) -> nn.Module | None:
    """Rewrite one SlideAttention."""
    return MergedSlideAttention(module) if type(module) is SlideAttention else None


def _sum(a: nn.Conv2d, b: nn.Conv2d) -> nn.Conv2d:
    conv = nn.Conv2d(
        a.in_channels, a.out_channels, a.kernel_size[0], padding=a.padding[0], groups=a.groups
    )
    assert a.bias is not None and b.bias is not None
    conv.weight = nn.Parameter(a.weight + b.weight)
    conv.bias = nn.Parameter(a.bias + b.bias)
    return conv
