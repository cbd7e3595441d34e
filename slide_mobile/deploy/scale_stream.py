"""Scale the residual stream of each stage by a power of two, so that its norms survive fp16.

    before   sum((x - mean)^2) over C channels of a stream of deviation 1 is C, up to 1024:
             a deviation of 8 overflows fp16 (65504), and C * eps = 8e-3
    after    x' = g x,  g a power of two with 8 <= C g^2 < 32
             the sum is 8 to 32 for deviation 1, overflow comes at a deviation of 45 to 90,
             and the smallest eps term, 8e-5, is still a normal fp16 number (>= 6.1e-5)

Readers of the stream are norms, which take no notice of a scale when their eps is scaled with it,
and the convolutions that begin the next stage, whose weights are divided by it. So only the writers
change: what begins a stage, and proj and fc2 of each block. Powers of two are exact in every binary
format. Costs nothing at run time, but a product for each map that is itself an output.
"""

import math

import torch
from torch import Tensor, nn

from slide_mobile.deploy.centre_norms import CentredAffine, TokenScale
from slide_mobile.deploy.fix_positions import PlacedEmbed
from slide_mobile.deploy.fold_affine import writers
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.models.backbone import Backbone, Block


class Unscaled(nn.Module):
    """A map of the stream, divided by its gain."""

    factor: Tensor

    def __init__(self, gain: float) -> None:
        super().__init__()
        # A buffer, so that it follows the model to fp16 and stays inside delegates.
        self.register_buffer("factor", torch.full((1, 1, 1, 1), 1 / gain))

    def forward(self, x: Tensor) -> Tensor:
        """A map in the layout around -> the same."""
        return x * self.factor


def stream_gain(dim: int) -> float:
    """The power of two g with 8 <= dim * g^2 < 32."""
    return 2.0 ** math.ceil(math.log2(8 / dim) / 2)


@torch.no_grad()
def scale_stream(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole Backbone in place."""
    if not isinstance(module, Backbone):
        return None
    gain = 1.0  # of what the next stage reads
    for number, part in enumerate(module.stages()):
        gain = _begin(module.get_submodule(part.embed), gain)
        blocks = module.get_submodule(part.blocks)
        for block in blocks.children():
            assert isinstance(block, Block)
            for norm in (block.norm1, block.norm2):
                _read(norm, gain)
            for writer in writers(block):
                writer.weight.mul_(gain)
                writer.bias.mul_(gain)
        if part.norm is not None:
            _read(module.get_submodule(part.norm), gain)
            gain = 1.0
        if module.head is None and gain != 1:
            module.outputs[number] = nn.Sequential(module.outputs[number], Unscaled(gain))
    if module.head is not None and all(part.norm != module.NORM for part in module.stages()):
        _read(module.get_submodule(module.NORM), gain)
    return module


def _begin(embed: nn.Module, read: float) -> float:
    """The gain of the stream that an embedding writes, where it reads one with gain `read`."""
    if isinstance(embed, MergePatches):
        embed.between.shift *= read**2
        gain = stream_gain(2 * embed.dim)
        embed.conv.weight.mul_(gain)
        embed.affine.beta.mul_(gain)
        return gain
    assert isinstance(embed, MapEmbed)
    norm = embed.last_norm()
    assert isinstance(norm, CentredAffine)
    convs = embed.convs()
    convs[0].weight.div_(read)
    gain = stream_gain(convs[-1].out_channels)
    for parameter in norm.affine.parameters():
        parameter.mul_(gain)
    if isinstance(embed, PlacedEmbed):
        embed.positions.mul_(gain)
        if embed.token is not None:
            embed.token.mul_(gain)
    return gain


def _read(norm: nn.Module, gain: float) -> None:
    assert isinstance(norm, TokenScale | CentredAffine)
    norm.energy.shift *= gain**2
