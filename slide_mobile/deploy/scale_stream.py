"""Scale the residual stream of each stage by a power of two, so that its norms survive fp16.

    before   sum((x - mean)^2) over C channels of a stream of deviation 1 is C, up to 1024:
             a deviation of 8 overflows fp16 (65504), and C * eps = 1e-2
    after    x' = g x,  g the smallest power of two that leaves C g^2 eps a normal fp16 number
             (>= 6.1e-5; where others are taken for 0, a token of equal values is 0 / 0)
             eps 1e-5: the sum is 6 to 25 for deviation 1, overflow comes at 51 to 102
             eps 1e-6 (the PVTs): 62 to 248, overflow comes at a deviation of 16 to 32

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
from slide_mobile.deploy.layout import ChannelSum
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.models.layers.backbone import Backbone, Block

# Just above fp16's smallest normal number, 6.104e-5: what is more is lost to overflow.
SMALLEST_EPS_TERM = 6.2e-5


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


def stream_gain(eps_term: float) -> float:
    """The smallest power of two g with g^2 * eps_term >= 6.2e-5, the term being C * eps."""
    return 2.0 ** math.ceil(math.log2(SMALLEST_EPS_TERM / eps_term) / 2)


@torch.no_grad()
def scale_stream(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole Backbone in place."""
    if not isinstance(module, Backbone):
        return None
    gain = 1.0  # of what the next stage reads
    for number, part in enumerate(module.stages()):
        blocks = _blocks(module.get_submodule(part.blocks))
        read, gain = gain, stream_gain(_energy(blocks[0].norm1).shift)
        _begin(module.get_submodule(part.embed), read, gain)
        for block in blocks:
            for norm in (block.norm1, block.norm2):
                _energy(norm).shift *= gain**2
            for writer in writers(block):
                writer.weight.mul_(gain)
                writer.bias.mul_(gain)
        if part.norm is not None:
            _energy(module.get_submodule(part.norm)).shift *= gain**2
            gain = 1.0
        if module.head is None and gain != 1:
            module.outputs[number] = nn.Sequential(module.outputs[number], Unscaled(gain))
    if module.head is not None and all(part.norm != module.NORM for part in module.stages()):
        _energy(module.get_submodule(module.NORM)).shift *= gain**2
    return module


def _blocks(stage: nn.Module) -> list[Block]:
    found = []
    for block in stage.children():
        assert isinstance(block, Block)
        found.append(block)
    return found


def _begin(embed: nn.Module, read: float, gain: float) -> None:
    """Have an embedding that reads a stream with gain `read` write one with `gain`."""
    if isinstance(embed, MergePatches):
        embed.between.shift *= read**2
        embed.conv.weight.mul_(gain)
        embed.affine.beta.mul_(gain)
        return
    assert isinstance(embed, MapEmbed)
    norm = embed.last_norm()
    assert isinstance(norm, CentredAffine)
    embed.convs()[0].weight.div_(read)
    for parameter in norm.affine.parameters():
        parameter.mul_(gain)
    if isinstance(embed, PlacedEmbed):
        embed.positions.mul_(gain)


def _energy(norm: nn.Module) -> ChannelSum:
    """The sum of squares and eps in what has become of a norm."""
    assert isinstance(norm, TokenScale | CentredAffine)
    return norm.energy
