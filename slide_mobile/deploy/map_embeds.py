"""What begins a stage, in either layout.

    before   permutes around the convolutions of a map of (1, H, W, C)
    after    none in channels-first maps, and those that a converter removes in others

Where it takes an image, `middle` is what is subtracted from its pixels first (fold_pixels).
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.layout import Laid
from slide_mobile.models.layers.backbone import IMAGE_CHANNELS, ConvEmbed


class MapEmbed(Laid):
    """Strided convolutions, then a norm; the parts keep the names that the family gives them."""

    middle: Tensor | None

    def __init__(self, embed: ConvEmbed) -> None:
        super().__init__()
        for name, child in embed.named_children():
            self.add_module(name, child)
        self.conv_paths, self.norm_path = embed.CONVS, embed.NORM
        self.takes_image = self.convs()[0].in_channels == IMAGE_CHANNELS
        self.register_buffer("middle", None)

    def convs(self) -> list[nn.Conv2d]:
        """The convolutions, in order."""
        found = [self.get_submodule(path) for path in self.conv_paths]
        return [conv for conv in found if isinstance(conv, nn.Conv2d)]

    def last_norm(self) -> nn.Module:
        """Behind the last convolution."""
        return self.get_submodule(self.norm_path)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) or a map in the layout around -> a smaller map in it."""
        maps = x if self.takes_image else self.maps(x)
        if self.middle is not None:
            maps = maps - self.middle
        for conv in self.convs():
            maps = conv(maps)
        return self.last_norm()(self.tokens(maps))


@torch.no_grad()
def map_embeds(module: nn.Module) -> nn.Module | None:
    """Rewrite one ConvEmbed."""
    return MapEmbed(module) if isinstance(module, ConvEmbed) else None
