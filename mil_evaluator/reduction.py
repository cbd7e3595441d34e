"""Reductions over axes, running sums, and orderings."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mil_evaluator.rule import Function


def reduction(function: Callable[[Tensor], Tensor]) -> Function:
    """Make a rule that reduces axes, by default all, from a function that reduces the last one."""

    def apply(x: Tensor, axes: list[int] | None = None, keep_dims: bool = False) -> Tensor:
        reduced = range(x.ndim) if axes is None else sorted({axis % x.ndim for axis in axes})
        kept = [axis for axis in range(x.ndim) if axis not in reduced]
        flat = x.permute(*kept, *reduced).reshape(*[x.shape[axis] for axis in kept], -1)
        y = function(flat)
        if not keep_dims:
            return y
        return y.reshape([size if axis in kept else 1 for axis, size in enumerate(x.shape)])

    return apply


def arg_reduction(function: Callable[[Tensor, int, bool], Tensor]) -> Function:
    """Make a rule that returns a position along one axis; the output declares its own dtype."""

    def apply(
        x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32"
    ) -> Tensor:
        return function(x, axis, keep_dims)

    return apply


def _mean(x: Tensor) -> Tensor:
    """Average the last axis; integers are averaged in float64."""
    return (x if x.is_floating_point() else x.double()).mean(-1)


def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Return the running sum along an axis; if exclusive, without the element itself."""
    source = x.flip(axis) if reverse else x
    total = source.cumsum(axis)
    if exclusive:
        total = total - source
    return total.flip(axis) if reverse else total


def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Return the positions that sort x along an axis, largest first unless ascending."""
    return x.argsort(dim=axis, descending=not ascending, stable=True)


def topk(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the k largest (or smallest) values along an axis, sorted, and their positions.

    The values are sorted even if `sort` is false.
    """
    values, positions = x.sort(dim=axis, descending=not ascending, stable=True)
    values, positions = values.narrow(axis, 0, k), positions.narrow(axis, 0, k)
    return (values, positions) if return_indices else values


RULES: Mapping[str, Function] = {
    "reduce_argmax": arg_reduction(torch.argmax),
    "reduce_argmin": arg_reduction(torch.argmin),
    "reduce_l1_norm": reduction(lambda x: x.abs().sum(-1)),
    "reduce_l2_norm": reduction(lambda x: x.square().sum(-1).sqrt()),
    "reduce_log_sum": reduction(lambda x: x.sum(-1).log()),
    "reduce_log_sum_exp": reduction(lambda x: x.logsumexp(-1)),
    "reduce_max": reduction(lambda x: x.amax(-1)),
    "reduce_mean": reduction(_mean),
    "reduce_min": reduction(lambda x: x.amin(-1)),
    "reduce_prod": reduction(lambda x: x.prod(-1)),
    "reduce_sum": reduction(lambda x: x.sum(-1)),
    "reduce_sum_square": reduction(lambda x: x.square().sum(-1)),
    "cumsum": cumsum,
    "argsort": argsort,
    "topk": topk,
}
