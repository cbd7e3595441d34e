"""The GEMM floor: a deploy form without the core of its local attention and without its norms.

    before   q, k, v = linears(x);  proj(taps(q, k, v))       after    proj(q + k + v)
    before   x * s  for each norm,  conv(x) * s + b           after    x,  conv(x) + b

What is left is the dense products that slide attention cannot do without, with GELU, shortcuts
and the window attention of the later stages. It computes something else. Its latency is a lower
bound for every form of the same model.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.centre_norms import CentredAffine, TokenScale
from slide_mobile.deploy.layout import Affine, Laid
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.deploy.rewriting import apply
from slide_mobile.deploy.split_taps import TapAttention


class Projections(nn.Module):
    """The projections of a local attention, in either layout."""

    def __init__(self, q: nn.Module, k: nn.Module, v: nn.Module, proj: nn.Module) -> None:
        super().__init__()
        self.q, self.k, self.v, self.proj = q, k, v, proj

    def forward(self, x: Tensor) -> Tensor:
        """Map -> map of the same shape."""
        return self.proj(self.q(x) + self.k(x) + self.v(x))


class UnscaledMerge(Laid):
    """The convolution of a patch merging, in either layout."""

    def __init__(self, merge: MergePatches) -> None:
        super().__init__()
        self.channels_first, self.conv = merge.channels_first, merge.conv
        # Channels first, the affine is a convolution, and its beta is that convolution's bias.
        affine: nn.Module = merge.affine
        self.conv.bias = nn.Parameter(
            affine.get_parameter("beta" if isinstance(affine, Affine) else "bias")
        )

    def forward(self, x: Tensor) -> Tensor:
        """(1, H, W, C) -> (1, H / 2, W / 2, 2C), or the same channels first."""
        return self.tokens(self.conv(self.maps(x)))


@torch.no_grad()
def floor(deployed: nn.Module) -> nn.Module:
    """Strip a deploy form, in place."""
    return apply(_stripped, deployed).requires_grad_(False)


def _stripped(module: nn.Module) -> nn.Module | None:
    """What takes a module's place, or None where it stays."""
    match module:
        case TapAttention():
            return Projections(module.q, module.k, module.v, module.proj)
        case TokenScale() | CentredAffine():
            return nn.Identity()
        case MergePatches():
            return UnscaledMerge(module)
    return None
