"""Operations that work element by element: arithmetic, comparison, rounding, selection."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mil_evaluator.rule import Function


def unary(function: Callable[[Tensor], Tensor]) -> Function:
    """Make a rule from an elementwise function of one tensor: (...) -> (...)."""

    def apply(x: Tensor) -> Tensor:
        return function(x)

    return apply


def binary(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Make a rule from an elementwise function of two tensors, which broadcast as in NumPy."""

    def apply(x: Tensor, y: Tensor) -> Tensor:
        return function(x, y)

    return apply


def inverse(x: Tensor, epsilon: float) -> Tensor:
    """Elementwise 1 / (x + epsilon)."""
    return torch.reciprocal(x + epsilon)


def log(x: Tensor, epsilon: float) -> Tensor:
    """Elementwise natural logarithm of x + epsilon."""
    return torch.log(x + epsilon)


def rsqrt(x: Tensor, epsilon: float) -> Tensor:
    """Elementwise 1 / sqrt(x + epsilon)."""
    return torch.rsqrt(x + epsilon)


def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Elementwise x, clamped to [alpha, beta]."""
    return x.clamp(alpha, beta)


def threshold(x: Tensor, alpha: float) -> Tensor:
    """Elementwise max(x, alpha)."""
    return x.clamp(min=alpha)


def cast(x: Tensor, dtype: str) -> Tensor:
    """Return the values unchanged, except for bool; the output's declared dtype converts them."""
    return x != 0 if dtype == "bool" else x


def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Take elements of a where cond is true, and of b elsewhere; all three broadcast."""
    return torch.where(cond, a, b)


RULES: Mapping[str, Function] = {
    "abs": unary(torch.abs),
    "acos": unary(torch.acos),
    "asin": unary(torch.asin),
    "atan": unary(torch.atan),
    "atanh": unary(torch.atanh),
    "ceil": unary(torch.ceil),
    "cos": unary(torch.cos),
    "cosh": unary(torch.cosh),
    "erf": unary(torch.erf),
    "exp": unary(torch.exp),
    "exp2": unary(torch.exp2),
    "floor": unary(torch.floor),
    "logical_not": unary(torch.logical_not),
    "round": unary(torch.round),  # rounds half to even, like MIL's value inference
    "sign": unary(torch.sign),
    "sin": unary(torch.sin),
    "sinh": unary(torch.sinh),
    "sqrt": unary(torch.sqrt),
    "square": unary(torch.square),
    "tan": unary(torch.tan),
    "tanh": unary(torch.tanh),
    "identity": unary(torch.clone),
    "add": binary(torch.add),
    "equal": binary(torch.eq),
    "floor_div": binary(torch.floor_divide),
    "greater": binary(torch.gt),
    "greater_equal": binary(torch.ge),
    "less": binary(torch.lt),
    "less_equal": binary(torch.le),
    "logical_and": binary(torch.logical_and),
    "logical_or": binary(torch.logical_or),
    "logical_xor": binary(torch.logical_xor),
    "maximum": binary(torch.maximum),
    "minimum": binary(torch.minimum),
    "mod": binary(torch.remainder),
    "mul": binary(torch.mul),
    "not_equal": binary(torch.ne),
    "pow": binary(torch.pow),
    "real_div": binary(torch.true_divide),
    "sub": binary(torch.sub),
    "inverse": inverse,
    "log": log,
    "rsqrt": rsqrt,
    "clip": clip,
    "threshold": threshold,
    "cast": cast,
    "select": select,
}
