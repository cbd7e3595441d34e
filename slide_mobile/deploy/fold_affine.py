"""Fold the affine part of each LayerNorm into the linears that read it.

    before   W (gamma * norm(x) + beta) + b
    after    (W gamma) norm(x) + (W beta + b)

The norm after the patch embedding is left alone: it writes the residual stream, which no
single linear reads.
"""

import torch
from torch import nn

from slide_mobile.models.slide_swin import PatchMerging, SwinBlock, SwinTransformer


def readers(attn: nn.Module) -> tuple[nn.Linear, ...]:
    """The linears at the entrance of an attention: planar q, k, v, or one qkv."""
    names = ("q", "k", "v") if hasattr(attn, "q") else ("qkv",)
    return tuple(getattr(attn, name) for name in names)


def norms_and_readers(module: nn.Module) -> tuple[tuple[str, tuple[nn.Linear, ...]], ...]:
    """Names of a module's norms that only linears read, with these linears."""
    match module:
        case SwinBlock():
            return (("norm1", readers(module.attn)), ("norm2", (module.mlp.fc1,)))
        case PatchMerging():
            return (("norm", (module.reduction,)),)
        case SwinTransformer():
            # The mean over tokens between this norm and the head commutes with both.
            return (("norm", (module.head,)),)
    return ()


@torch.no_grad()
def fold_affine(module: nn.Module) -> nn.Module | None:
    """Rewrite one SwinBlock, PatchMerging or SwinTransformer in place."""
    folds = norms_and_readers(module)
    for name, linears in folds:
        norm = getattr(module, name)
        for linear in linears:
            shift = linear.weight @ norm.bias
            linear.bias = nn.Parameter(shift if linear.bias is None else linear.bias + shift)
            linear.weight.mul_(norm.weight)
        setattr(module, name, nn.LayerNorm(norm.normalized_shape, norm.eps, False))
    return module if folds else None
