"""Scale the residual stream of each stage by a power of two, so that its norms survive fp16.

    before   sum((x - mean)^2) over C channels of a stream of deviation 1 is C, up to 1024:
             a deviation of 8 overflows fp16 (65504), and C * eps = 1e-2
    after    x' = g x,  g the smallest power of two for which C g^2 eps is a normal fp16 number
             (>= 6.1e-5; where subnormal numbers become 0, a token of equal values gives 0 / 0)
             eps 1e-5: the sum is 6 to 25 for deviation 1, and overflows at a deviation of 51 to 102
             eps 1e-6 (PVT, PVTv2): the sum is 62 to 248, and overflows at a deviation of 16 to 32

Two kinds of modules read the stream: norms, whose result does not change if eps is scaled too, and
the embedding of the next stage, whose weights are divided by g. Two kinds write it and are
multiplied by g: the embedding of the stage, and proj and fc2 of each block. Powers of two are exact
in every binary format. The only cost at run time is one product for each map that is an output.

A checkpoint with larger values needs a smaller gain: `Headroom` says by how many bits, and
`ranges.headroom` measures it. In fp16 the eps may then round to 0, which matters only where all
values of a token are equal.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slide_mobile.deploy.centre_norms import CentredAffine, TokenScale, WholeNorm
from slide_mobile.deploy.fix_positions import PlacedEmbed
from slide_mobile.deploy.fold_affine import writers
from slide_mobile.deploy.layout import ChannelSum
from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.deploy.merge_patches import MergePatches
from slide_mobile.models.layers.backbone import STAGES, Backbone, Block

# Just above fp16's smallest normal number, 6.104e-5; a larger value would overflow earlier.
SMALLEST_EPS_TERM = 6.2e-5


@dataclass(frozen=True, kw_only=True)
class Headroom:
    """By how many bits the values of each stage are made smaller than eps alone asks for.

    `stream` is for the residual stream, `embed` for what the convolutions of the embedding give to
    its norm, which hides their scale.
    """

    stream: tuple[int, ...] = (0,) * STAGES
    embed: tuple[int, ...] = (0,) * STAGES


NO_HEADROOM = Headroom()


class Unscaled(nn.Module):
    """Divide a map of the stream by its gain, where the map is an output."""

    factor: Tensor

    def __init__(self, gain: float) -> None:
        super().__init__()
        # A buffer follows the model to fp16 and stays inside delegates.
        self.register_buffer("factor", torch.full((1, 1, 1, 1), 1 / gain))

    def forward(self, x: Tensor) -> Tensor:
        """A map in either layout -> a map of the same shape."""
        return x * self.factor


def stream_gain(eps_term: float) -> float:
    """Return the smallest power of two g with g^2 * eps_term >= 6.2e-5; `eps_term` is C * eps."""
    return 2.0 ** math.ceil(math.log2(SMALLEST_EPS_TERM / eps_term) / 2)


@torch.no_grad()
def scale_stream(module: nn.Module, *, headroom: Headroom = NO_HEADROOM) -> nn.Module | None:
    """Rewrite a whole Backbone in place; None for any other module."""
    if not isinstance(module, Backbone):
        return None
    gain = 1.0  # of the map that the next stage reads
    for number, part in enumerate(module.stages()):
        blocks = blocks_of(module.get_submodule(part.blocks))
        read, gain = gain, stream_gain(energy(blocks[0].norm1).shift)
        gain *= 2.0 ** -headroom.stream[number]
        _begin(module.get_submodule(part.embed), read, gain, 2.0 ** -headroom.embed[number])
        for block in blocks:
            for norm in (block.norm1, block.norm2):
                energy(norm).shift *= gain**2
            for writer in writers(block):
                writer.weight.mul_(gain)
                writer.bias.mul_(gain)
        if part.norm is not None:
            energy(module.get_submodule(part.norm)).shift *= gain**2
            gain = 1.0
        output = module.outputs[number]
        if isinstance(output, WholeNorm):
            energy(output).shift *= gain**2
        elif module.head is None and gain != 1:
            module.outputs[number] = nn.Sequential(output, Unscaled(gain))
    if module.head is not None and all(part.norm != module.NORM for part in module.stages()):
        energy(module.get_submodule(module.NORM)).shift *= gain**2
    return module


def blocks_of(stage: nn.Module) -> list[Block]:
    """Return the blocks of a stage in order."""
    found = []
    for block in stage.children():
        assert isinstance(block, Block)
        found.append(block)
    return found


def _begin(embed: nn.Module, read: float, gain: float, inside: float) -> None:
    """Adapt an embedding in place: it reads a map scaled by `read` and writes one by `gain`.

    `inside` scales what its norm reads.
    """
    if isinstance(embed, MergePatches):
        embed.between.shift *= read**2
        embed.conv.weight.mul_(gain)
        embed.affine.beta.mul_(gain)
        return
    assert isinstance(embed, MapEmbed)
    norm = embed.last_norm()
    assert isinstance(norm, CentredAffine)
    embed.convs()[0].weight.mul_(inside / read)
    for conv in embed.convs():
        if conv.bias is not None:
            conv.bias.mul_(inside)
    energy(norm).shift *= inside**2
    for parameter in norm.affine.parameters():
        parameter.mul_(gain)
    if isinstance(embed, PlacedEmbed):
        embed.positions.mul_(gain)


def energy(norm: nn.Module) -> ChannelSum:
    """Return the module in a rewritten norm that computes the sum of squares plus C * eps."""
    assert isinstance(norm, TokenScale | CentredAffine)
    return norm.energy
