"""Fold a block's layer scale into the two linears that write to the residual stream.

before   x + gamma * (W y + b)
after    x + (gamma W) y + gamma b
"""

import torch
from torch import nn

from slide_mobile.deploy.fold_affine import writers
from slide_mobile.models.layers.backbone import Block


@torch.no_grad()
def fold_layer_scale(module: nn.Module) -> nn.Module | None:
    """Rewrite a Block with layer scale in place; None for any other module."""
    if not isinstance(module, Block) or module.gamma1 is None or module.gamma2 is None:
        return None
    for gamma, linear in zip((module.gamma1, module.gamma2), writers(module), strict=True):
        linear.weight.mul_(gamma[:, None])
        linear.bias.mul_(gamma)
    module.gamma1 = module.gamma2 = None
    return module
