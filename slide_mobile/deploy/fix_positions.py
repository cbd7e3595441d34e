"""Position embeddings of one input size, as constant maps.

    before   a table made for 224 x 224 pixels, reshaped and interpolated at run time
    after    a map that is added to what the patch embedding gives

The class token is the first of the row that the last stage works on, its position added.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.models.slide_pvt import PyramidVisionTransformer


class PlacedEmbed(MapEmbed):
    """A MapEmbed, and a constant map added to what it gives.

    With `token`, (1, 1, 1, C) or (1, C, 1, 1), the map becomes a row of tokens, that one in front.
    """

    positions: Tensor
    token: Tensor | None

    def __init__(self, embed: MapEmbed, positions: Tensor, token: Tensor | None) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(embed.__dict__)
        self.register_buffer("positions", positions.clone())
        self.register_buffer("token", None if token is None else token.clone())

    def turn(self) -> None:
        """Have the constants channels first, as the maps around."""
        self.positions = self.positions.permute(0, 3, 1, 2).contiguous()
        if self.token is not None:
            self.token = self.token.permute(0, 3, 1, 2).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """A map in the layout around -> a smaller one, or a row of one more token."""
        x = super().forward(x) + self.positions
        if self.token is None:
            return x
        if self.channels_first:
            return torch.cat((self.token, x.reshape(1, x.shape[1], 1, -1)), 3)
        return torch.cat((self.token, x.reshape(1, 1, -1, x.shape[3])), 2)


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
