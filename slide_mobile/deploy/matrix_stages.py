"""Stages of window attention on a matrix of tokens, between channels-first maps.

    before   1x1 convolutions on (1, C, H, W); around each partition into windows a transpose from
             the layout that XNNPACK's convolutions have, and one back
    after    linears on (H * W, C); one transpose where the stage begins, and one where it ends

For ExecuTorch's XNNPACK delegate, which keeps maps of rank 4 channels last and turns them around
for each reshape (ChannelsLastTaggedReshapePass, executorch 1.4). A matrix has no such layout, so
nothing is turned: 114 transposes in slide_swin_tiny become 66.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.forms import Forms, Shape
from slide_mobile.deploy.layout import sums_as_products
from slide_mobile.deploy.static_windows import StaticWindowAttention
from slide_mobile.models.layers.backbone import Stage


class MatrixWindows(StaticWindowAttention):
    """Window attention on the tokens of one map, with products of rank 3."""

    def __init__(self, last: StaticWindowAttention) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(last.__dict__)

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        """(H * W, C) -> (H * W, C)."""
        return super().forward(x.reshape(1, *self.map_size, -1)).flatten(0, 2)

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """A matmul for each window and head: (windows, heads, m, k), (..., k, n) -> (..., m, n)."""
        windows, heads, m, _ = a.shape
        products = torch.bmm(a.flatten(0, 1), b.flatten(0, 1))
        return products.reshape(windows, heads, m, products.shape[-1])


class MatrixStage(nn.Module):
    """A stage between channels-first maps, with its blocks on (H * W, C)."""

    downsample: nn.Module | None

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.blocks, self.downsample = stage.blocks, stage.downsample

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, C, H, W) -> the same, and what the next stage takes, channels first."""
        _, c, h, w = x.shape
        x = x.permute(0, 2, 3, 1).reshape(h * w, c)
        for block in self.blocks:
            x = block(x)
        x = x.reshape(1, h, w, c).permute(0, 3, 1, 2)
        return x, x if self.downsample is None else self.downsample(x)


@torch.no_grad()
def matrix_stages(module: nn.Module, forms: Forms) -> nn.Module | None:
    """Rewrite a Stage of StaticWindowAttention, channels last so far, where `forms` ask for it."""
    if not isinstance(module, Stage):
        return None
    attentions = [block.get_submodule("attn") for block in module.blocks]
    for attn in attentions:
        if not isinstance(attn, StaticWindowAttention):
            return None
        h, w = attn.map_size
        shape = Shape(height=h, width=w, dim=attn.proj.out_features, heads=attn.num_heads)
        if forms.of("window", shape).tokens == "map":
            return None
    sums_as_products(module.blocks)
    for path, part in list(module.blocks.named_modules()):
        if isinstance(part, StaticWindowAttention):
            module.blocks.set_submodule(path, MatrixWindows(part))
    return MatrixStage(module)
