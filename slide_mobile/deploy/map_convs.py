"""The depthwise convolution between the two linears of an MLP, in either layout.

before   permutes around the convolution
after    no permutes in channels-first models; in channels-last models only permutes that the
         converter removes
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.layout import Laid
from slide_mobile.models.slide_pvt_v2 import DepthwiseConv


class MapConv(Laid):
    """A depthwise convolution of a map in the model's layout."""

    def __init__(self, published: DepthwiseConv) -> None:
        super().__init__()
        self.dwconv = published.dwconv

    def forward(self, x: Tensor) -> Tensor:
        """A map -> a map of the same shape."""
        return self.tokens(self.dwconv(self.maps(x)))


@torch.no_grad()
def map_convs(module: nn.Module) -> nn.Module | None:
    """Return a MapConv for a DepthwiseConv, None for any other module."""
    return MapConv(module) if type(module) is DepthwiseConv else None
