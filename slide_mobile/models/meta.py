"""Building models for the shapes of their parameters alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["ShapesOnly"]

DRAWS = (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_)


class ShapesOnly(TorchFunctionMode):
    """Inside, the layers' weights have no memory and no values; tables are made as ever.

    `torch.device("meta")` would do, but draws and makes tables in Python, which takes longer than
    all the rest, and imports PyTorch's compiler for it (1.5 s on one core, torch 2.13).
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Make what is not filled without memory, leave out what fills it."""
        kwargs = kwargs or {}
        if func is torch.empty:
            return func(*args, **kwargs | {"device": "meta"})
        if getattr(func, "__module__", None) == "torch.nn.init" or func in DRAWS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
