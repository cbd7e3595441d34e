"""Networks that nobody here designed for, written as their authors would write them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TokenSlide(nn.Module):
    """Slide Attention with the names and the (B, L, C) of the published class."""

    def __init__(self, size: tuple[int, int], dim: int, heads: int, k: int = 3) -> None:
        super().__init__()
        self.input_resolution, self.heads, self.k = size, heads, k
        d = dim // heads
        self.scale = d**-0.5
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.dep_conv = nn.Conv2d(d, d * k * k, k, padding=k // 2, groups=d)
        self.dep_conv1 = nn.Conv2d(d, d * k * k, k, padding=k // 2, groups=d)
        self.relative_position_bias_table = nn.Parameter(torch.randn(1, heads, 1, k * k, 1, 1))

    def attend(self, maps: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C')."""
        b, h, w, _ = maps.shape
        qkv = self.qkv(maps).permute(0, 3, 1, 2).reshape(b * self.heads, -1, h, w)
        q, k, v = qkv.chunk(3, 1)
        d = q.shape[1]
        q = (q * self.scale).reshape(b, self.heads, d, 1, h, w)
        k = self.around(k).reshape(b, self.heads, d, -1, h, w) + self.relative_position_bias_table
        v = self.around(v).reshape(b, self.heads, d, -1, h, w)
        weights = (q * k).sum(2, keepdim=True).softmax(3)
        return self.proj((weights * v).sum(3).reshape(b, -1, h, w).permute(0, 2, 3, 1))

    def around(self, x: Tensor) -> Tensor:
        """The neighbors of each position."""
        return self.dep_conv(x) + self.dep_conv1(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        return self.attend(x.reshape(len(x), *self.input_resolution, -1)).reshape(x.shape)


class MapSlide(TokenSlide):
    """The same on (B, C, H, W), with the tuple that DAT's class returns."""

    def forward(self, x: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """(B, C, H, W) -> ((B, C, H, W), None, None)."""
        return self.attend(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), None, None


class SlideBlock(nn.Module):
    """A block on (B, C, H, W): Slide Attention and an MLP."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = MapSlide((0, 0), dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = x + self.attn(self.norm1(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))[0]
        return x + self.mlp(self.norm2(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


class SlideUNet(nn.Module):
    """A U-Net with Slide Attention at two resolutions, and two outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 4, stride=4)
        self.high, self.down = SlideBlock(24, 2), nn.Conv2d(24, 48, 2, stride=2)
        self.low, self.up = SlideBlock(48, 4), nn.ConvTranspose2d(48, 24, 2, stride=2)
        self.merge = nn.Sequential(
            nn.Conv2d(48, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU()
        )
        self.head = nn.Conv2d(24, 5, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) -> masks (B, 5, H / 4, W / 4) and deep (B, 48, H / 8, W / 8)."""
        high = self.high(self.stem(image))
        low = self.low(self.down(high))
        return {"masks": self.head(self.merge(torch.cat((self.up(low), high), 1))), "deep": low}


@dataclass
class Seen:
    """The outputs of TwoBranches."""

    embedding: Tensor
    depth: Tensor


class SwinAttention(nn.Module):
    """Window attention with the names of the published class, on the tokens of all windows."""

    relative_position_index: Tensor

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        table = torch.randn((2 * window - 1) ** 2, heads)
        self.relative_position_bias_table = nn.Parameter(table)
        at = torch.stack(torch.meshgrid(*[torch.arange(window)] * 2, indexing="ij")).flatten(1)
        away = (at[:, :, None] - at[:, None, :]) + window - 1
        self.register_buffer("relative_position_index", away[0] * (2 * window - 1) + away[1])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(windows, N, C) -> (windows, N, C)."""
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        logits = (q * self.scale) @ k.transpose(-2, -1)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        logits = logits + bias.reshape(n, n, -1).permute(2, 0, 1)
        if mask is not None:
            logits = logits.reshape(-1, len(mask), self.num_heads, n, n) + mask[:, None]
            logits = logits.reshape(b, self.num_heads, n, n)
        return self.proj((logits.softmax(-1) @ v).transpose(1, 2).reshape(b, n, c))


class TwoBranches(nn.Module):
    """A convolutional branch beside one of shifted windows; a dataclass of two outputs."""

    def __init__(self, window: int = 4, dim: int = 32) -> None:
        super().__init__()
        self.window = window
        self.patches = nn.Conv2d(3, dim, 4, stride=4)
        self.norm, self.attn = nn.LayerNorm(dim), SwinAttention(dim, window, 2)
        self.local = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.SiLU(),
            nn.Conv2d(16, dim, 3, stride=2, padding=1), nn.BatchNorm2d(dim), nn.SiLU(),
        )  # fmt: skip
        self.embed, self.depth = nn.Linear(2 * dim, 16), nn.Conv2d(2 * dim, 1, 1)

    def windows(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H, W, C), attention inside windows, shifted by half of one."""
        b, c, h, w = x.shape
        side, half = self.window, self.window // 2
        x = self.norm(x.permute(0, 2, 3, 1)).roll((-half, -half), (1, 2))
        x = x.reshape(b, h // side, side, w // side, side, c).permute(0, 1, 3, 2, 4, 5)
        x = self.attn(x.reshape(-1, side * side, c), mask=self.mask(h, w))
        x = x.reshape(b, h // side, w // side, side, side, c).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(b, h, w, c).roll((half, half), (1, 2))

    def mask(self, h: int, w: int) -> Tensor:
        """(windows, N, N): -100 between tokens that only the shift joins."""
        side, half = self.window, self.window // 2
        rows = (torch.arange(h) >= h - side).long() + (torch.arange(h) >= h - half)
        columns = (torch.arange(w) >= w - side).long() + (torch.arange(w) >= w - half)
        ids = (3 * rows[:, None] + columns).reshape(h // side, side, w // side, side)
        ids = ids.permute(0, 2, 1, 3).reshape(-1, side * side)
        return (ids[:, :, None] != ids[:, None]).float() * -100

    def forward(self, image: Tensor) -> Seen:
        """(B, 3, H, W) -> an embedding (B, 16) and a depth map (B, 1, H / 4, W / 4)."""
        x = self.patches(image)
        both = torch.cat((x + self.windows(x).permute(0, 3, 1, 2), self.local(image)), 1)
        return Seen(embedding=self.embed(both.mean((2, 3))), depth=F.softplus(self.depth(both)))


def plain() -> nn.Module:
    """A plain convolutional network with a single output."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def seeded(module: nn.Module) -> nn.Module:
    """The module in eval mode, with batch norms that have seen something."""
    draw = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.copy_(torch.randn(part.running_mean.shape, generator=draw) / 4)
            part.running_var.copy_(torch.rand(part.running_var.shape, generator=draw) + 0.5)
    return module.eval()


def build(kind: str) -> nn.Module:
    """A network by name: unet, branches or plain."""
    torch.manual_seed(0)
    made = {"unet": SlideUNet, "branches": TwoBranches, "plain": plain}[kind]()
    return seeded(made)
