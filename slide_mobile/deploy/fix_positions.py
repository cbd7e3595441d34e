"""Position embeddings of one input size, as constant maps.

    before   a table made for 224 x 224 pixels, reshaped and interpolated at run time;
             a class token set in front of the last stage's tokens by a concatenation
    after    a map that is added to what the patch embedding gives;
             the token added to zeros that are set in front by padding

Beside a map, executorch 1.4 leaves a constant of a concatenation in the layout that it has, and
the file cannot be run.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.models.slide_pvt import PyramidVisionTransformer


class PlacedEmbed(MapEmbed):
    """A MapEmbed, and a constant added to what it gives.

    A map of the same size, (1, H, W, C); with a class `token`, (1, 1, 1, C), the map becomes a row
    behind it, and the constant is that token and the row's positions, (1, 1, 1 + H * W, C).
    """

    positions: Tensor

    def __init__(self, embed: MapEmbed, positions: Tensor, token: Tensor | None) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(embed.__dict__)
        self.has_token = token is not None
        if token is not None:
            positions = torch.cat((token, positions.reshape(1, 1, -1, token.shape[3])), 2)
        self.register_buffer("positions", positions.clone())

    def turn(self) -> None:
        """Have the constant channels first, as the maps around."""
        self.positions = self.positions.permute(0, 3, 1, 2).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """A map in the layout around -> a smaller one, or a row of one more token."""
        x = super().forward(x)
        if self.has_token and self.channels_first:
            x = F.pad(x.reshape(1, x.shape[1], 1, -1), [1, 0])
        elif self.has_token:
            x = F.pad(x.reshape(1, 1, -1, x.shape[3]), [0, 0, 1, 0])
        return x + self.positions


@torch.no_grad()
def fix_positions(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole PyramidVisionTransformer in place."""
    if not isinstance(module, PyramidVisionTransformer):
        return None
    for i, part in enumerate(module.stages(), 1):
        embed = module.get_submodule(part.embed)
        assert isinstance(embed, MapEmbed)
        placed = PlacedEmbed(embed, *module.positions(i, module.map_size(i - 1)))
        module.set_submodule(part.embed, placed)
        setattr(module, f"pos_embed{i}", None)
    return module
