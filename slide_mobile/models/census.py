"""Parameters and multiply-adds of a reference model, counted without computing anything."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slide_mobile.models.layers.backbone import Attention
from slide_mobile.models.layers.slide_attention import SlideAttention


@dataclass(frozen=True, kw_only=True)
class Size:
    """Counts, not millions."""

    params: int
    macs: int


def measure(model: nn.Module, input_size: tuple[int, int]) -> Size:
    """Count linears, convolutions and attention products at one (height, width).

    The depthwise paths count once, as they run after merging; norms and softmax are left out: the
    convention that reproduces the figures of the paper and of its baselines.
    """
    shadow = copy.deepcopy(model).to("meta")
    for path, module in list(shadow.named_modules()):
        if isinstance(module, nn.LayerNorm | nn.GELU):  # not counted, and slow on the meta device
            shadow.set_submodule(path, nn.Identity())
    total = 0

    def dense(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Every output value costs one multiply-add for each weight of its row.
        total += output.numel() * weight[0].numel()

    def products(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        nonlocal total
        assert isinstance(module, Attention)
        total += module.product_macs(*inputs[0].shape[1:3])

    merged_away = {
        path
        for module in shadow.modules()
        if isinstance(module, SlideAttention)
        for path in (module.dep_conv1, module.dep_conv2)
    }
    for module in shadow.modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module not in merged_away:
            module.register_forward_hook(dense)
        elif isinstance(module, Attention):
            module.register_forward_hook(products)
    with torch.no_grad():
        shadow(torch.zeros(1, 3, *input_size, device="meta"))
    return Size(params=sum(p.numel() for p in model.parameters()), macs=total)
