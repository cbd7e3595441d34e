"""Spatial-reduction attention: keys and values come from a map that a strided convolution shrinks.

Papers: https://arxiv.org/abs/2102.12122 (PVT), https://arxiv.org/abs/2106.13797 (PVTv2). Origin of
names and shapes: whai362/PVT @57e2dfa (Apache-2.0), classification/pvt.py and pvt_v2.py. The state
dict has the same keys as the official one.
"""

from collections.abc import Callable

from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention

__all__ = ["EPS", "SpatialReduction", "stage_attention"]

EPS = 1e-6  # eps of the norms that read the residual stream; those that write it have 1e-5


class SpatialReduction(Attention):
    """Multi-head attention whose keys and values come from patches of `ratio` x `ratio` tokens.

    With ratio 1 there is no reduction. The convolution has no padding, so rows and columns that do
    not fill a patch have no keys and values.
    """

    sr: nn.Conv2d | None
    norm: nn.LayerNorm | None

    def __init__(self, dim: int, num_heads: int, ratio: int) -> None:
        super().__init__()
        self.dim, self.num_heads, self.ratio = dim, num_heads, ratio
        self.scale = (dim // num_heads) ** -0.5
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        self.sr = nn.Conv2d(dim, dim, ratio, stride=ratio) if ratio > 1 else None
        self.norm = nn.LayerNorm(dim) if ratio > 1 else None

    def product_macs(self, h: int, w: int) -> int:
        """Return the multiply-adds of q.k and attention.v on an H x W map."""
        return 2 * h * w * (h // self.ratio) * (w // self.ratio) * self.dim

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        b, h, w, c = x.shape
        heads = (self.num_heads, c // self.num_heads)
        q = self.q(x).reshape(b, h * w, *heads).transpose(1, 2)
        reduced = x
        if self.sr is not None and self.norm is not None:
            reduced = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        k, v = self.kv(reduced).reshape(b, -1, 2, *heads).permute(2, 0, 3, 1, 4)
        attn = ((q @ k.transpose(-2, -1)) * self.scale).softmax(-1)  # (B, heads, H * W, M)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, h, w, c))


def stage_attention(
    dim: int, num_heads: int, ratio: int, local: Callable[..., Attention] | None
) -> Attention:
    """Build the attention of a block: `local` if it is given, else a SpatialReduction."""
    return SpatialReduction(dim, num_heads, ratio) if local is None else local(dim, num_heads)
