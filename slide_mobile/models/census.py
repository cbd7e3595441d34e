"""Parameters and multiply-adds of a reference model, counted without computing anything."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slide_mobile.models.catalogue import FAR_PERCENT, Difference, Row
from slide_mobile.models.layers.backbone import Attention
from slide_mobile.models.layers.slide_attention import SlideAttention
from slide_mobile.models.meta import MetaInit
from slide_mobile.models.registry import Spec


@dataclass(frozen=True, kw_only=True)
class Size:
    """Parameters, and multiply-adds for one image; plain counts, not millions."""

    params: int
    macs: int


def measure(model: nn.Module, input_size: tuple[int, int]) -> Size:
    """Count linears, convolutions and attention products at one (height, width).

    The two depthwise paths count once, since they run as one after merging. Norms and softmax do
    not count. This convention reproduces the figures of the paper and of its baselines.
    """
    shadow = copy.deepcopy(model).to("meta")
    for path, module in list(shadow.named_modules()):
        if isinstance(module, nn.LayerNorm | nn.GELU):  # not counted, and slow on the meta device
            shadow.set_submodule(path, nn.Identity())
    total = 0

    def dense(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        """Count a linear or a convolution."""
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Every output value costs one multiply-add for each weight of its row.
        total += output.numel() * weight[0].numel()

    def products(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        """Count the products between queries, keys and values."""
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


def row(spec: Spec) -> Row:
    """A model's row of the catalogue, counted on a network without weights."""
    with MetaInit():
        model = spec.build(input_size=spec.input_size, num_classes=spec.num_classes)
    size = measure(model, spec.input_size)
    params = _percent(size.params / 1e6, spec.paper.params_m)
    macs = _percent(size.macs / 1e9, spec.paper.macs_g)
    return Row(
        name=spec.name,
        family=spec.family,
        params=size.params,
        macs=size.macs,
        input_size=spec.input_size,
        preset=spec.preset,
        paper=spec.paper,
        difference=Difference(
            params_percent=params,
            macs_percent=macs,
            far=any(abs(percent or 0) > FAR_PERCENT for percent in (params, macs)),
        ),
        notes=spec.notes,
    )


def _percent(counted: float, printed: float | None) -> float | None:
    """The difference in percent of what is printed; None where nothing is."""
    return None if printed is None else 100 * (counted - printed) / printed
