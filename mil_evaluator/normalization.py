"""Normalization layers."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.rule import Function


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: float,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    """(N, C, *D) -> (N, C, *D), normalized by given statistics of each channel."""
    return F.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)


def instance_norm(
    x: Tensor, epsilon: float, gamma: Tensor | None = None, beta: Tensor | None = None
) -> Tensor:
    """(N, C, *D) -> (N, C, *D), normalized by the statistics of each channel of each image."""
    axes = list(range(2, x.ndim))
    channel = (-1, *[1] * len(axes))
    variance, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
    y = (x - mean) * torch.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma.reshape(channel)
    return y if beta is None else y + beta.reshape(channel)


def layer_norm(
    x: Tensor,
    epsilon: float,
    axes: list[int] | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    """(...) -> (...), normalized over `axes`, which are also the axes of gamma and beta."""
    axes = list(range(x.ndim)) if axes is None else sorted(axis % x.ndim for axis in axes)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    variance, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
    y = (x - mean) * torch.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


def l2_norm(x: Tensor, epsilon: float) -> Tensor:
    """(..., C, H, W) -> (..., C, H, W), divided by the root of the sum of squares over C, H, W."""
    return x * torch.rsqrt(x.square().sum((-3, -2, -1), keepdim=True) + epsilon)


def local_response_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """(N, C, *D) -> (N, C, *D), divided by (k + alpha / size * sum of squares) ** beta."""
    return F.local_response_norm(x, size, alpha, beta, k)


RULES: Mapping[str, Function] = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "l2_norm": l2_norm,
    "local_response_norm": local_response_norm,
}
