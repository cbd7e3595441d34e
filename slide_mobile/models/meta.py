"""Meta init: building a model for the shapes of its parameters alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["MetaInit"]

DRAWS = (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_)


class MetaInit(TorchFunctionMode):
    """Models built inside have weights without memory and values; buffers are computed as usual.

    `torch.device("meta")` is slower: it also runs every random draw and every buffer on the meta
    device, in Python, and imports PyTorch's compiler for that (1.5 s on one core, torch 2.13).
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Put `torch.empty` on the meta device, and skip the functions that fill weights."""
        kwargs = kwargs or {}
        if func is torch.empty:
            return func(*args, **kwargs | {"device": "meta"})
        if getattr(func, "__module__", None) == "torch.nn.init" or func in DRAWS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
