"""Scale the residual stream of each stage by a power of two, so that its norms survive fp16.

    before   sum((x - mean)^2) over C channels of a stream of deviation 1 is C, up to 1024:
             a deviation of 8 overflows fp16 (65504), and C * eps = 8e-3
    after    x' = g x,  g a power of two with 8 <= C g^2 < 32
             the sum is 8 to 32 for deviation 1, overflow comes at a deviation of 45 to 90,
             and the smallest eps term, 8e-5, is still a normal fp16 number (>= 6.1e-5)

Every reader of the stream is a norm, and a norm takes no notice of a scale when its eps is scaled
with it, so only the writers change: patch embedding, proj, fc2 and patch merging. Powers of two
are exact in every binary format. Costs nothing at run time.
"""

import math

import torch
from torch import nn

from slide_mobile.deploy.centre_norms import CentredAffine, TokenScale
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.models.slide_swin import SwinBlock, SwinTransformer


def stream_gain(dim: int) -> float:
    """The power of two g with 8 <= dim * g^2 < 32."""
    return 2.0 ** math.ceil(math.log2(8 / dim) / 2)


@torch.no_grad()
def scale_stream(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole SwinTransformer in place."""
    if not isinstance(module, SwinTransformer):
        return None
    gain = stream_gain(module.patch_embed.proj.out_channels)
    for part in module.modules():  # in the order in which they run
        match part:
            case CentredAffine():
                for parameter in part.affine.parameters():
                    parameter.mul_(gain)
            case SwinBlock():
                proj, fc2 = part.attn.get_submodule("proj"), part.mlp.fc2
                for writer in (proj, fc2):
                    assert isinstance(writer, nn.Linear)
                    writer.weight.mul_(gain)
                    writer.bias.mul_(gain)
            case TokenScale():
                part.energy.shift *= gain**2
            case MergePatches():
                part.between.shift *= gain**2
                gain = stream_gain(2 * part.dim)
                part.conv.weight.mul_(gain)
                part.affine.beta.mul_(gain)
    return module
