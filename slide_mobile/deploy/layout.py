"""Layout of feature maps, and the building blocks of the deploy form that depend on it.

Rewrites build modules channels last, (1, H, W, C), with linears; `channels_first` then turns them
to channels first, (1, C, H, W), with 1x1 convolutions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Laid(nn.Module):
    """A module with convolutions inside, which runs in a model of either layout."""

    channels_first = False

    def maps(self, x: Tensor) -> Tensor:
        """A map in the model's layout -> (1, C, H, W), the input of a convolution."""
        return x if self.channels_first else x.permute(0, 3, 1, 2)

    def tokens(self, x: Tensor) -> Tensor:
        """(1, C, H, W), the output of a convolution -> a map in the model's layout."""
        return x if self.channels_first else x.permute(0, 2, 3, 1)


class FixedLinear(nn.Module):
    """A linear whose weight (C_out, C_in) and bias are buffers, not parameters."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C_in) -> (..., C_out)."""
        return F.linear(x, self.weight, self.bias)


class ChannelSum(nn.Module):
    """Compute scale * (sum over the channels) + shift."""

    def __init__(self, dim: int, *, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.dim, self.scale, self.shift = dim, float(scale), float(shift)

    def as_product(self) -> FixedLinear:
        """Return the same sum as a linear, for delegates that do not take sums over C."""
        bias = torch.tensor([self.shift]) if self.shift else None
        return FixedLinear(torch.full((1, self.dim), self.scale), bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., 1)."""
        total = x.sum(-1, keepdim=True)
        if self.scale != 1:
            total = total * self.scale
        return total + self.shift if self.shift else total


def sums_as_products(module: nn.Module) -> nn.Module:
    """Replace every ChannelSum inside a module by the equal linear, in place."""
    for path, part in list(module.named_modules()):
        if isinstance(part, ChannelSum):
            module.set_submodule(path, part.as_product())
    return module


class Affine(nn.Module):
    """Compute gamma * x + beta per channel, or x + beta where `gamma` is None."""

    def __init__(self, gamma: Tensor | None, beta: Tensor) -> None:
        super().__init__()
        self.gamma = None if gamma is None else nn.Parameter(gamma)
        self.beta = nn.Parameter(beta)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return (x if self.gamma is None else x * self.gamma) + self.beta


class FixedPointwise(nn.Module):
    """A 1x1 convolution whose weight (C_out, C_in) and bias are buffers, not parameters."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight[:, :, None, None].contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(1, C_in, H, W) -> (1, C_out, H, W)."""
        return F.conv2d(x, self.weight, self.bias)
