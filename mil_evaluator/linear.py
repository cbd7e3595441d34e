"""Matrix products, and operations that consist of them."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.rule import Function


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., D_in), (D_out, D_in) -> (..., D_out)."""
    return F.linear(x, weight, bias)


def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """(..., M, K), (..., K, N) -> (..., M, N); batch dimensions broadcast."""
    if transpose_x and x.ndim > 1:
        x = x.transpose(-1, -2)
    if transpose_y and y.ndim > 1:
        y = y.transpose(-1, -2)
    return torch.matmul(x, y)


def einsum(values: list[Tensor], equation: str) -> Tensor:
    """Return the sum of products that the equation describes."""
    return torch.einsum(equation, *values)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """(B, ..., L, E), (B, ..., S, E), (B, ..., S, EV) -> (B, ..., L, EV).

    A boolean mask is true for the keys to attend to; any other mask is added to the scores.
    """
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, -1) @ value


RULES: Mapping[str, Function] = {
    "linear": linear,
    "matmul": matmul,
    "einsum": einsum,
    "scaled_dot_product_attention": scaled_dot_product_attention,
}
