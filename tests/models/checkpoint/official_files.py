"""State dicts as the parents' own code names them, written down from that code, not from ours.

whai362/PVT @57e2dfa (classification/pvt.py, pvt_v2.py), microsoft/CSWin-Transformer @f111ae2
(models/cswin.py), SHI-Labs/Neighborhood-Attention-Transformer @d334f5b (classification/nat.py),
microsoft/Swin-Transformer @f82860b; the slide attention is LeapLabTHU/Slide-Transformer's
@6b1e184. Values are random, norms and biases too.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
State = dict[str, Tensor]


def filled(shapes: Shapes, seed: int = 0) -> State:
    """Make random values from a seed; the weights of norms are around one."""
    generator = torch.Generator().manual_seed(seed)
    state = {key: 0.3 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    norms = {key for key, shape in shapes.items() if key.endswith("weight") and len(shape) == 1}
    return {key: value + (key in norms) for key, value in state.items()}


def linear(name: str, rows: int, columns: int) -> Shapes:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def conv(name: str, rows: int, columns: int, k: int) -> Shapes:
    return {f"{name}.weight": (rows, columns, k, k), f"{name}.bias": (rows,)}


def norm(name: str, dim: int) -> Shapes:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def slide(name: str, dim: int, heads: int, *, lepe: bool = False) -> Shapes:
    """Keys of a 3x3 slide attention."""
    d = dim // heads
    return {
        f"{name}.relative_position_bias_table": (1, heads, 1, 9, 1, 1),
        **linear(f"{name}.qkv", 3 * dim, dim),
        **linear(f"{name}.proj", dim, dim),
        **conv(f"{name}.dep_conv", 9 * d, 1, 3),
        **conv(f"{name}.dep_conv1", 9 * d, 1, 3),
        **(conv(f"{name}.get_v", dim, 1, 3) if lepe else {}),
    }


def mlp(block: str, dim: int, hidden: int, *, depthwise: bool = False) -> Shapes:
    """Keys of a block's norms and MLP."""
    return {
        **norm(f"{block}.norm1", dim),
        **norm(f"{block}.norm2", dim),
        **linear(f"{block}.mlp.fc1", hidden, dim),
        **linear(f"{block}.mlp.fc2", dim, hidden),
        **(conv(f"{block}.mlp.dwconv.dwconv", hidden, 1, 3) if depthwise else {}),
    }


def spatial_reduction(name: str, dim: int, ratio: int) -> Shapes:
    reduced = {**conv(f"{name}.sr", dim, dim, ratio), **norm(f"{name}.norm", dim)}
    return {
        **linear(f"{name}.q", dim, dim),
        **linear(f"{name}.kv", 2 * dim, dim),
        **linear(f"{name}.proj", dim, dim),
        **(reduced if ratio > 1 else {}),
    }


def pvt(
    *,
    dims: Sequence[int] = (64, 128, 320, 512),
    depths: Sequence[int] = (2, 2, 2, 2),
    heads: Sequence[int] = (1, 2, 5, 8),
    ratios: Sequence[int] = (8, 8, 4, 4),
    classes: int = 1000,
    slides: Sequence[int] = (),
    token: bool = True,
    second: bool = False,
) -> Shapes:
    """Keys of PVT, or of PVTv2 with `second`; `slides` are stages, from 1, with slide attention."""
    shapes: Shapes = {}
    for i, dim in enumerate(dims, 1):
        patch = ((7, 3) if second else (4, 2))[i > 1]
        shapes |= conv(f"patch_embed{i}.proj", dim, dims[i - 2] if i > 1 else 3, patch)
        shapes |= norm(f"patch_embed{i}.norm", dim)
        for j in range(depths[i - 1]):
            block = f"block{i}.{j}"
            shapes |= mlp(block, dim, dim * ratios[i - 1], depthwise=second)
            if i in slides:
                shapes |= slide(f"{block}.attn", dim, heads[i - 1])
            else:
                shapes |= spatial_reduction(f"{block}.attn", dim, 8 >> (i - 1))
        if second:
            shapes |= norm(f"norm{i}", dim)
        else:
            shapes[f"pos_embed{i}"] = (1, (56 >> (i - 1)) ** 2 + (token and i == 4), dim)
    if not second:
        shapes |= norm("norm", dims[-1])
        if token:
            shapes["cls_token"] = (1, 1, dims[-1])
    return shapes | linear("head", classes, dims[-1])


def cswin(
    *,
    dim: int = 64,
    depths: Sequence[int] = (2, 4, 32, 2),
    heads: Sequence[int] = (2, 4, 8, 16),
    ratio: int = 4,
    classes: int = 1000,
    slides: Sequence[int] = (),
    lepe: bool = True,
) -> Shapes:
    """Keys of CSWin."""
    shapes = {**conv("stage1_conv_embed.0", dim, 3, 7), **norm("stage1_conv_embed.2", dim)}
    for i, depth in enumerate(depths, 1):
        for j in range(depth):
            block = f"stage{i}.{j}"
            shapes |= mlp(block, dim, dim * ratio)
            if i in slides:
                shapes |= slide(f"{block}.attn", dim, heads[i - 1], lepe=lepe)
                continue
            shapes |= linear(f"{block}.qkv", 3 * dim, dim) | linear(f"{block}.proj", dim, dim)
            shares = 1 if i == len(depths) else 2
            for share in range(shares):
                shapes |= conv(f"{block}.attns.{share}.get_v", dim // shares, 1, 3)
        if i < len(depths):
            shapes |= conv(f"merge{i}.conv", 2 * dim, dim, 3) | norm(f"merge{i}.norm", 2 * dim)
            dim *= 2
    return shapes | norm("norm", dim) | linear("head", classes, dim)


def nat(
    *,
    dim: int = 64,
    depths: Sequence[int] = (3, 4, 6, 5),
    heads: Sequence[int] = (2, 4, 8, 16),
    ratio: int = 3,
    classes: int = 1000,
    slides: Sequence[int] = (),
    scaled: bool = False,
    k: int = 7,
) -> Shapes:
    """Keys of NAT; `scaled` adds layer scale."""
    shapes = {
        **conv("patch_embed.proj.0", dim // 2, 3, 3),
        **conv("patch_embed.proj.1", dim, dim // 2, 3),
        **norm("patch_embed.norm", dim),
    }
    for i, depth in enumerate(depths):
        for j in range(depth):
            block = f"levels.{i}.blocks.{j}"
            shapes |= mlp(block, dim, dim * ratio)
            if scaled:
                shapes |= {f"{block}.gamma1": (dim,), f"{block}.gamma2": (dim,)}
            if i + 1 in slides:
                shapes |= slide(f"{block}.attn", dim, heads[i])
                continue
            shapes |= linear(f"{block}.attn.qkv", 3 * dim, dim)
            shapes |= linear(f"{block}.attn.proj", dim, dim)
            shapes[f"{block}.attn.rpb"] = (heads[i], 2 * k - 1, 2 * k - 1)
        if i < len(depths) - 1:
            shapes[f"levels.{i}.downsample.reduction.weight"] = (2 * dim, dim, 3, 3)
            shapes |= norm(f"levels.{i}.downsample.norm", 2 * dim)
            dim *= 2
    return shapes | norm("norm", dim) | linear("head", classes, dim)


def swin(
    *,
    dim: int = 96,
    depths: Sequence[int] = (2, 2, 6, 2),
    heads: Sequence[int] = (3, 6, 12, 24),
    window: int = 7,
    classes: int = 1000,
) -> Shapes:
    """Keys of Swin, without its buffers."""
    shapes = {**conv("patch_embed.proj", dim, 3, 4), **norm("patch_embed.norm", dim)}
    for i, depth in enumerate(depths):
        for j in range(depth):
            block = f"layers.{i}.blocks.{j}"
            shapes |= mlp(block, dim, 4 * dim)
            shapes |= linear(f"{block}.attn.qkv", 3 * dim, dim)
            shapes |= linear(f"{block}.attn.proj", dim, dim)
            table = ((2 * window - 1) ** 2, heads[i])
            shapes[f"{block}.attn.relative_position_bias_table"] = table
        if i < len(depths) - 1:
            shapes[f"layers.{i}.downsample.reduction.weight"] = (2 * dim, 4 * dim)
            shapes |= norm(f"layers.{i}.downsample.norm", 4 * dim)
            dim *= 2
    return shapes | norm("norm", dim) | linear("head", classes, dim)


_SMALL = {"dim": 16, "depths": (1, 1, 2, 1), "heads": (2, 2, 4, 4), "classes": 5}


def small(family: str, slides: Sequence[int] = (1, 2), **options: object) -> Shapes:
    """Keys of the registered model `<family>_test` with slide attention in these stages."""
    if family in ("slide_pvt", "slide_pvt_v2"):
        made = pvt(
            dims=(16, 32, 48, 64), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), ratios=(4, 4, 2, 2),
            classes=5, slides=slides, second=family == "slide_pvt_v2",
            **{"token": False, **options},
        )  # fmt: skip
    elif family == "slide_cswin":
        made = cswin(ratio=2, slides=slides, **_SMALL, **options)
    elif family == "slide_nat":
        made = nat(ratio=2, scaled=True, k=3, slides=slides, **_SMALL, **options)
    else:
        assert family == "slide_swin" and not slides
        made = swin(window=2, **_SMALL, **options)
    return made
