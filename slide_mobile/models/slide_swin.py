"""Slide-Swin, and the Swin it is measured against.

Paper: https://arxiv.org/abs/2304.04237 (Slide), https://arxiv.org/abs/2103.14030 (Swin).
Origin of names, shapes and defaults: LeapLabTHU/Slide-Transformer @6b1e184 and
microsoft/Swin-Transformer @f82860b (both Apache-2.0/MIT); the state dict is theirs, key for
key. Written anew for inference: feature maps are (B, H, W, C), dropout is left out.

Two forms of Slide-Swin are registered. The paper's figures need 7x7 windows in stages 3 and 4
(4.57 G multiply-adds for Tiny, the paper prints 4.6 G); the published yaml builds
`window_size: 56`, clamped to the map: global attention in stages 3 and 4 (4.70 G). The first
is `slide_swin_*`, the second `slide_swin_*_release`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from slide_mobile.errors import UsageError
from slide_mobile.models.registry import Paper, Preset, Spec, register
from slide_mobile.models.slide_attention import Im2ColAttention, LocalAttention, SlideAttention
from slide_mobile.models.window_attention import WindowAttention

__all__ = ["PatchEmbed", "PatchMerging", "SwinBlock", "SwinTransformer"]

STRIDE_PX = 32  # of the last stage
MAX_MAP = 64  # tokens a side there: 2048 pixels, beyond what a phone would be given


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.fc2(self.act(self.fc1(x)))


class SwinBlock(nn.Module):
    """Attention and MLP, each behind a LayerNorm and beside a shortcut."""

    attn_mask: Tensor | None

    def __init__(self, dim: int, attn: nn.Module, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = attn
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        # The official files keep the mask in the block, not in its attention.
        self.register_buffer(
            "attn_mask", attn.mask() if isinstance(attn, WindowAttention) else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        normed = self.norm1(x)
        x = x + (self.attn(normed) if self.attn_mask is None else self.attn(normed, self.attn_mask))
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Four neighbours side by side, normalised together, then reduced to 2C."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H / 2, W / 2, 2C)."""
        quads = [x[:, dy::2, dx::2] for dx in (0, 1) for dy in (0, 1)]
        return self.reduction(self.norm(torch.cat(quads, -1)))


class PatchEmbed(nn.Module):
    """4x4 patches of a normalised image, then a LayerNorm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(dim)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, H / 4, W / 4, C)."""
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class Stage(nn.Module):
    """Blocks at one resolution, then (except in the last stage) patch merging."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: PatchMerging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H / 2, W / 2, 2C), or (B, H, W, C) in the last stage."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class SwinTransformer(nn.Module):
    """Swin with local attention in its first `slide_stages` stages; logits of a (B, 3, H, W) image.

    `windows` is the side of the attention window in each stage (one number serves all); where the
    map is not larger than it, it is clamped to the map's shorter side and not shifted.
    Raises UsageError for an input size that the strides do not divide.
    """

    def __init__(
        self,
        *,
        input_size: tuple[int, int] = (224, 224),
        num_classes: int = 1000,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        windows: int | Sequence[int] = 7,
        mlp_ratio: float = 4.0,
        slide_stages: int = 2,
        local_attention: Callable[..., LocalAttention] = SlideAttention,
    ) -> None:
        super().__init__()
        self.input_size, self.num_classes = input_size, num_classes
        if any(side % STRIDE_PX or not 2 <= side // STRIDE_PX <= MAX_MAP for side in input_size):
            tokens = (min(max(2, round(side / STRIDE_PX)), MAX_MAP) for side in input_size)
            nearest = "x".join(str(n * STRIDE_PX) for n in tokens)
            raise UsageError(
                f"input size {input_size[0]}x{input_size[1]} does not fit: sides are multiples of "
                f"{STRIDE_PX}, {2 * STRIDE_PX} to {MAX_MAP * STRIDE_PX}; the nearest is {nearest}"
            )
        if isinstance(windows, int):
            windows = (windows,) * len(depths)
        self.patch_embed = PatchEmbed(embed_dim)
        stages = []
        for i, depth in enumerate(depths):
            dim, h, w = embed_dim * 2**i, input_size[0] // 4 // 2**i, input_size[1] // 4 // 2**i
            window = min(windows[i], h, w)
            blocks = []
            for j in range(depth):
                if i < slide_stages:
                    attn: nn.Module = local_attention(dim, num_heads[i])
                else:
                    shift = window // 2 if j % 2 and min(h, w) > window else 0
                    attn = WindowAttention(dim, num_heads[i], window, map_size=(h, w), shift=shift)
                blocks.append(SwinBlock(dim, attn, mlp_ratio))
            stages.append(Stage(blocks, PatchMerging(dim) if i < len(depths) - 1 else None))
        self.layers = nn.ModuleList(stages)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        self.apply(_init_weights)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, num_classes)."""
        x = self.patch_embed(image)
        for stage in self.layers:
            x = stage(x)
        return self.head(self.norm(x).mean((1, 2)))


def _init_weights(module: nn.Module) -> None:
    # As released: the depthwise paths keep PyTorch's default.
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


_TINY = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
_SMALL = {"embed_dim": 96, "depths": (2, 2, 18, 2), "num_heads": (3, 6, 12, 24)}
_BASE = {"embed_dim": 128, "depths": (2, 2, 18, 2), "num_heads": (4, 8, 16, 32)}
_DEMO = {
    "embed_dim": 24,
    "depths": (2, 2, 2, 1),
    "num_heads": (1, 2, 4, 8),
    "windows": 4,
    "mlp_ratio": 3.0,
}
_TEST = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (2, 2, 4, 4), "windows": 2}


def _register(
    name: str,
    config: dict[str, object],
    preset: Preset,
    *,
    family: str = "slide_swin",
    input_size: tuple[int, int] = (224, 224),
    num_classes: int = 1000,
    paper: tuple[float | None, float | None, float | None] = (None, None, None),
    **extra: object,
) -> None:
    register(
        Spec(
            name=name,
            family=family,
            build=partial(SwinTransformer, **(config | extra)),  # type: ignore[arg-type]
            preset=preset,
            input_size=input_size,
            num_classes=num_classes,
            paper=Paper(params_m=paper[0], macs_g=paper[1], top1=paper[2]),
        )
    )


# The paper's figures: table of classification results (params M, MACs G, top-1).
_register("slide_swin_demo", _DEMO, "demo", input_size=(128, 128), num_classes=12)
_register("slide_swin_tiny", _TINY, "paper", paper=(29.0, 4.6, 82.3))
_register("slide_swin_small", _SMALL, "paper", paper=(51.0, 8.9, 83.7))
_register("slide_swin_base", _BASE, "paper", paper=(89.0, 15.5, 84.2))
_register("slide_swin_tiny_release", _TINY, "release", windows=56)
_register("slide_swin_small_release", _SMALL, "release", windows=56)
_register("slide_swin_base_release", _BASE, "release", windows=56)
# Swin's own, from its paper's table 1a.
_swin = partial(_register, family="swin", preset="baseline", slide_stages=0)
_swin("swin_tiny", _TINY, paper=(29.0, 4.5, 81.3))
_swin("swin_small", _SMALL, paper=(50.0, 8.7, 83.0))
_swin("swin_base", _BASE, paper=(88.0, 15.4, 83.5))
_register("im2col_swin_tiny", _TINY, "baseline", local_attention=Im2ColAttention)
_register("slide_swin_test", _TEST, "test", input_size=(64, 96), num_classes=5)
