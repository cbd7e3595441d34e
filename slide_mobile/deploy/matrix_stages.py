"""Stages of window attention on a matrix of tokens, between channels-first maps.

    before   1x1 convolutions on (1, C, H, W); each partition into windows needs a transpose from
             the layout of XNNPACK's convolutions, and one back
    after    linears on (H * W, C); one transpose at the start of the stage, and one at its end

This form is for ExecuTorch's XNNPACK delegate, which keeps maps of rank 4 channels last and
transposes them for each reshape (ChannelsLastTaggedReshapePass, executorch 1.4). A matrix has no
such layout, so it is not transposed: 114 transposes in slide_swin_tiny become 66.
"""

import torch
from torch import Tensor, nn

from slide_mobile.deploy.forms import Forms, Shape
from slide_mobile.deploy.layout import sums_as_products
from slide_mobile.deploy.static_windows import StaticWindowAttention
from slide_mobile.models.layers.backbone import Stage


class MatrixWindows(StaticWindowAttention):
    """Window attention on the matrix of tokens of one map, with products of rank 3."""

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        """(H * W, C) -> (H * W, C)."""
        return super().forward(x.reshape(1, *self.map_size, -1)).flatten(0, 2)

    def products(self, a: Tensor, b: Tensor) -> Tensor:
        """(windows, heads, m, k) @ (windows, heads, k, n) -> (windows, heads, m, n)."""
        windows, heads, m, _ = a.shape
        products = torch.bmm(a.flatten(0, 1), b.flatten(0, 1))
        return products.reshape(windows, heads, m, products.shape[-1])


class MatrixStage(nn.Module):
    """A stage that takes and gives channels-first maps, and runs its blocks on (H * W, C)."""

    downsample: nn.Module | None

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.blocks, self.downsample = stage.blocks, stage.downsample

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, C, H, W) -> the stage's map, and the input of the next stage; both channels first."""
        _, c, h, w = x.shape
        x = x.permute(0, 2, 3, 1).reshape(h * w, c)
        for block in self.blocks:
            x = block(x)
        x = x.reshape(1, h, w, c).permute(0, 3, 1, 2)
        return x, x if self.downsample is None else self.downsample(x)


@torch.no_grad()
def matrix_stages(module: nn.Module, forms: Forms) -> nn.Module | None:
    """Return a MatrixStage for a stage of window attention, where `forms` asks for it.

    The stage must still be channels last. Returns None for any other module.
    """
    if not isinstance(module, Stage):
        return None
    attentions = [block.get_submodule("attn") for block in module.blocks]
    for attn in attentions:
        if not isinstance(attn, StaticWindowAttention):
            return None
        assert isinstance(attn.proj, nn.Linear), "channels_first comes later"
        h, w = attn.map_size
        shape = Shape(height=h, width=w, dim=attn.proj.out_features, heads=attn.num_heads)
        if forms.nearest("window", shape).tokens == "map":
            return None
    sums_as_products(module.blocks)
    for path, part in list(module.blocks.named_modules()):
        if isinstance(part, StaticWindowAttention):
            windows = MatrixWindows(part.constants(), **dict(part.named_children()))
            module.blocks.set_submodule(path, windows)
    return MatrixStage(module)
