"""Activation functions."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.elementwise import unary
from mil_evaluator.rule import Function


def _by_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """(C,) -> (1, C, 1, ...), to broadcast over the second axis of x."""
    return parameter.reshape(1, -1, *[1] * (x.ndim - 2))


def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Elementwise min(x, beta) where x >= 0, min(alpha * x, beta) elsewhere."""
    return torch.where(x >= 0, x, alpha * x).clamp(max=beta)


def elu(x: Tensor, alpha: float) -> Tensor:
    """Elementwise x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    return F.elu(x, alpha)


def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """GELU: exact, or approximated by tanh or by a sigmoid."""
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """Elementwise x where x >= 0, alpha * x elsewhere."""
    return F.leaky_relu(x, alpha)


def linear_activation(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Elementwise alpha * x + beta."""
    return alpha * x + beta


def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """(B, C, ...) -> (B, C, ...): x where positive, alpha of its channel times x elsewhere."""
    return torch.where(x > 0, x, _by_channel(alpha, x) * x)


def scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Elementwise alpha * tanh(beta * x)."""
    return alpha * torch.tanh(beta * x)


def sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Elementwise alpha * x + beta, clamped to [0, 1]."""
    return (alpha * x + beta).clamp(0, 1)


def softplus(x: Tensor) -> Tensor:
    """Elementwise log(1 + exp(x)), without overflow."""
    return torch.logaddexp(x, torch.zeros_like(x))


def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """(B, C, ...) -> (B, C, ...): alpha * log(1 + exp(beta * x)), parameters by channel."""
    return _by_channel(alpha, x) * softplus(_by_channel(beta, x) * x)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis."""
    return torch.softmax(x, axis)


def thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    """Elementwise x where x >= alpha, 0 elsewhere."""
    return torch.where(x >= alpha, x, 0.0)


RULES: Mapping[str, Function] = {
    "clamped_relu": clamped_relu,
    "elu": elu,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "linear_activation": linear_activation,
    "prelu": prelu,
    "relu": unary(torch.relu),
    "relu6": unary(F.relu6),
    "scaled_tanh": scaled_tanh,
    "sigmoid": unary(torch.sigmoid),
    "sigmoid_hard": sigmoid_hard,
    "silu": unary(F.silu),
    "softmax": softmax,
    "softplus": softplus,
    "softplus_parametric": softplus_parametric,
    "softsign": unary(F.softsign),
    "thresholded_relu": thresholded_relu,
}
