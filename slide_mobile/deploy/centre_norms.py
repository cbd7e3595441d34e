"""LayerNorm as one scale per token; the linears that read it do the centering.

    before   W norm(x) + b                       norm(x) = (x - mean) / sqrt(var + eps)
    after    W' (x * s) + b                      s = rsqrt(sum((x - mean)^2) + C eps)
             W' = sqrt(C) W (I - 11^T / C)

This is exact, because W (x - mean 1) = W (I - 11^T / C) x. The deviations from the mean are
squared, not x itself: E[x^2] - E[x]^2 cancels in fp16 wherever |mean| exceeds the deviation. On
XNNPACK both take the same number of passes over the map. The division by C is in W'.

In an embedding the norm follows the last convolution, and nothing else writes its input. That
convolution is centered instead, so the mean is zero by construction. A norm is written out in full
if a padded convolution reads it (PVTv2's norms between two stages), or if its map is an output.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.fold_affine import norms_and_readers
from slide_mobile.deploy.layout import Affine, ChannelSum
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.models.layers.backbone import Backbone
from slide_mobile.models.slide_swin import PatchMerging


class TokenScale(nn.Module):
    """Divide each token by the length of its deviation from the mean, without centering it."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.mean, self.energy = ChannelSum(dim, scale=1 / dim), ChannelSum(dim, shift=dim * eps)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return x * torch.rsqrt(self.energy(torch.square(x - self.mean(x))))


class CentredAffine(nn.Module):
    """LayerNorm of tokens whose mean is zero: sqrt(C) * gamma * x / length(x) + beta."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        (dim,) = norm.normalized_shape
        self.energy = ChannelSum(dim, shift=dim * norm.eps)
        self.affine = Affine(norm.weight * dim**0.5, norm.bias.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.affine(x * torch.rsqrt(self.energy(torch.square(x))))


class WholeNorm(CentredAffine):
    """LayerNorm in full: the mean is subtracted first."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__(norm)
        (dim,) = norm.normalized_shape
        self.mean = ChannelSum(dim, scale=1 / dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return super().forward(x - self.mean(x))


@torch.no_grad()
def centre_norms(module: nn.Module) -> nn.Module | None:
    """Rewrite in place the norms of a MapEmbed, a Backbone or a module after fold_affine."""
    if isinstance(module, MapEmbed):
        conv, norm = module.convs()[-1], module.last_norm()
        assert isinstance(norm, nn.LayerNorm)
        conv.weight.sub_(conv.weight.mean(0, keepdim=True))
        if conv.bias is not None:
            conv.bias.sub_(conv.bias.mean())
        module.set_submodule(module.norm_path, CentredAffine(norm))
        return module
    if isinstance(module, Backbone):
        for part in module.stages():
            read_by_head = part.norm == module.NORM and module.head is not None
            if part.norm is not None and not read_by_head:
                norm = module.get_submodule(part.norm)
                assert isinstance(norm, nn.LayerNorm)
                module.set_submodule(part.norm, WholeNorm(norm))
        for i, output in enumerate(module.outputs):
            if isinstance(output, nn.LayerNorm):
                module.outputs[i] = WholeNorm(output)
    if isinstance(module, PatchMerging):
        return None  # merge_patches computes the scale of this norm
    folds = norms_and_readers(module)
    for name, linears in folds:
        norm = module.get_submodule(name)
        assert isinstance(norm, nn.LayerNorm)
        assert not norm.elementwise_affine, "fold_affine comes first"
        (dim,) = norm.normalized_shape
        for linear in linears:
            linear.weight.sub_(linear.weight.mean(1, keepdim=True)).mul_(dim**0.5)
        module.set_submodule(name, TokenScale(dim, norm.eps))
    return module if folds else None
