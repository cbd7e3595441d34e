"""Position embeddings of one input size, as constant maps.

    before   a table made for 224 x 224 pixels, reshaped and interpolated at run time;
             a class token that a concatenation puts in front of the last stage's tokens
    after    a constant map that is added to the output of the patch embedding;
             padding puts a zero token in front, and the class token is added to it

The class token is not concatenated, because executorch 1.4 does not convert the layout of a
constant that is concatenated with a map, and the resulting file cannot be run.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slide_mobile.deploy.map_embeds import MapEmbed
from slide_mobile.models.slide_pvt import PyramidVisionTransformer


class PlacedEmbed(MapEmbed):
    """A MapEmbed that adds a constant position embedding to its output.

    Without a class token the constant is a map, (1, H, W, C). With a class `token`, (1, 1, 1, C),
    the map is flattened to a row that follows the token, and the constant holds the token and the
    positions of the row: (1, 1, 1 + H * W, C).
    """

    positions: Tensor

    def __init__(self, embed: MapEmbed, positions: Tensor, token: Tensor | None) -> None:
        super().__init__(dict(embed.named_children()), embed.conv_paths, embed.norm_path)
        self.has_token = token is not None
        if token is not None:
            positions = torch.cat((token, positions.reshape(1, 1, -1, token.shape[3])), 2)
        self.register_buffer("positions", positions.clone())

    def turn(self) -> None:
        """Transpose the constant to channels first, in place."""
        self.positions = self.positions.permute(0, 3, 1, 2).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Image or map -> a smaller map, or with a class token a row of 1 + H * W tokens."""
        x = super().forward(x)
        if self.has_token and self.channels_first:
            x = F.pad(x.reshape(1, x.shape[1], 1, -1), [1, 0])
        elif self.has_token:
            x = F.pad(x.reshape(1, 1, -1, x.shape[3]), [0, 0, 1, 0])
        return x + self.positions


@torch.no_grad()
def fix_positions(module: nn.Module) -> nn.Module | None:
    """Rewrite a whole PyramidVisionTransformer in place; None for any other module."""
    if not isinstance(module, PyramidVisionTransformer):
        return None
    for i, part in enumerate(module.stages(), 1):
        embed = module.get_submodule(part.embed)
        assert isinstance(embed, MapEmbed)
        placed = PlacedEmbed(embed, *module.positions(i, module.map_size(i - 1)))
        module.set_submodule(part.embed, placed)
        setattr(module, f"pos_embed{i}", None)
    return module
