"""Fold gamma and beta of each LayerNorm into the linears and convolutions that read it.

    before   W (gamma * norm(x) + beta) + b
    after    (W gamma) norm(x) + (W beta + b)

This is exact for linears, and for convolutions without padding. The norms of patch embeddings are
left alone: they write the residual stream, which has many readers.
"""

import torch
from torch import nn

from slide_mobile.deploy.static_reductions import StaticReduction
from slide_mobile.models.layers.backbone import Backbone, Block
from slide_mobile.models.slide_swin import PatchMerging

Reader = nn.Linear | nn.Conv2d


def readers(attn: nn.Module) -> tuple[Reader, ...]:
    """Return the linears that read an attention's input: q, k and v, or one qkv, or q and `sr`."""
    names: tuple[str, ...] = ("q", "k", "v") if hasattr(attn, "q") else ("qkv",)
    if isinstance(attn, StaticReduction) and attn.sr is not None:
        names = ("q", "sr")
    found = [attn.get_submodule(name) for name in names]
    return tuple(part for part in found if isinstance(part, Reader))


def writers(block: Block) -> tuple[nn.Linear, nn.Linear]:
    """Return the two linears whose outputs a block adds to the residual stream."""
    proj, fc2 = block.attn.get_submodule("proj"), block.mlp.get_submodule("fc2")
    assert isinstance(proj, nn.Linear) and isinstance(fc2, nn.Linear)
    return proj, fc2


def norms_and_readers(module: nn.Module) -> tuple[tuple[str, tuple[Reader, ...]], ...]:
    """Return the paths of a module's norms that only linears read, each with its readers."""
    match module:
        case Block():
            fc1 = module.mlp.get_submodule("fc1")
            assert isinstance(fc1, nn.Linear)
            return (("norm1", readers(module.attn)), ("norm2", (fc1,)))
        case StaticReduction() if module.norm is not None:
            return (("norm", (module.k, module.v)),)
        case PatchMerging():
            return (("norm", (module.reduction,)),)
        case Backbone() if module.head is not None:
            # The mean over tokens between this norm and the head commutes with gamma and beta.
            return ((module.NORM, (module.head,)),)
    return ()


@torch.no_grad()
def fold_affine(module: nn.Module) -> nn.Module | None:
    """Rewrite a Block, StaticReduction, PatchMerging or Backbone in place; None for others."""
    folds = norms_and_readers(module)
    for path, linears in folds:
        norm = module.get_submodule(path)
        assert isinstance(norm, nn.LayerNorm)
        for linear in linears:
            assert isinstance(linear, nn.Linear) or linear.padding == (0, 0)
            along = (
                slice(None),
                *[None] * (linear.weight.dim() - 2),
            )  # along the input channels of the weight
            shift = (linear.weight * norm.bias[along]).flatten(1).sum(1)
            linear.bias = nn.Parameter(shift if linear.bias is None else linear.bias + shift)
            linear.weight.mul_(norm.weight[along])
        module.set_submodule(path, nn.LayerNorm(norm.normalized_shape, norm.eps, False))
    return module if folds else None
