"""The embedding at the start of a stage, in either layout.

    before   permutes around the convolutions, because the map is (1, H, W, C)
    after    no permutes in channels-first models; in channels-last models only permutes that the
             converter removes

For an embedding that takes the image, `middle` is subtracted from the pixels first (fold_pixels).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from slide_mobile.deploy.layout import Laid
from slide_mobile.models.layers.backbone import IMAGE_CHANNELS, ConvEmbed


class MapEmbed(Laid):
    """Strided convolutions followed by a norm; each part keeps the family's name for it."""

    middle: Tensor | None

    def __init__(
        self, parts: Mapping[str, nn.Module], conv_paths: Sequence[str], norm_path: str
    ) -> None:
        """`parts` are the children by name; the paths say which are convolutions and the norm."""
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.conv_paths, self.norm_path = conv_paths, norm_path
        self.takes_image = self.convs()[0].in_channels == IMAGE_CHANNELS
        self.register_buffer("middle", None)

    def convs(self) -> list[nn.Conv2d]:
        """Return the convolutions in the order in which they run."""
        found = [self.get_submodule(path) for path in self.conv_paths]
        return [conv for conv in found if isinstance(conv, nn.Conv2d)]

    def last_norm(self) -> nn.Module:
        """Return the norm that follows the last convolution."""
        return self.get_submodule(self.norm_path)

    def forward(self, x: Tensor) -> Tensor:
        """Image (1, 3, H, W), or a map in the model's layout -> a smaller map in that layout."""
        maps = x if self.takes_image else self.maps(x)
        if self.middle is not None:
            maps = maps - self.middle
        for conv in self.convs():
            maps = conv(maps)
        return self.last_norm()(self.tokens(maps))


@torch.no_grad()
def map_embeds(module: nn.Module) -> nn.Module | None:
    """Return a MapEmbed for a ConvEmbed, None for any other module."""
    if not isinstance(module, ConvEmbed):
        return None
    return MapEmbed(dict(module.named_children()), module.CONVS, module.NORM)
