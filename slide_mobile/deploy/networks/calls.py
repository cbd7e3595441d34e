"""How the modules of a network are called: recorded in a run, and repeated to prove a rewrite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# The SQNR of an output against a reference, in dB.
Measure = Callable[[NDArray[Any], NDArray[Any]], float]
WRONG_DB = -200.0  # of what cannot be called like the module, or returns something else
DRAWS = 2  # random inputs that a rewrite is proved on


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a module: its first argument as statistics, the others as they were.

    `first` is None where the module does not take a tensor first.
    """

    first: "Statistics | None"
    others: tuple[Any, ...]
    named: Mapping[str, Any]
    in_tuple: tuple[Any, ...] | None  # what follows the tensor in the tuple that was returned

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the first argument."""
        return None if self.first is None else self.first.shape

    def shaped(self, x: Tensor) -> object:
        """A result as the module returned it, alone or at the head of a tuple."""
        return x if self.in_tuple is None else (x, *self.in_tuple)

    def same(self, other: "Call") -> bool:
        """Whether another call took the same arguments, apart from the values of the first."""
        return (
            self.shape == other.shape
            and self.named.keys() == other.named.keys()
            and len(self.others) == len(other.others)
            and all(map(_equal, self.others, other.others))
            and all(_equal(x, other.named[name]) for name, x in self.named.items())
        )


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Shape, mean and standard deviation of a tensor."""

    shape: tuple[int, ...]
    mean: float
    std: float

    def drawn(self, seed: int) -> Tensor:
        """A random tensor like that."""
        values = torch.randn(self.shape, generator=torch.Generator().manual_seed(seed))
        return values * (self.std or 1.0) + self.mean


Calls = Mapping[str, Sequence[Call]]


@torch.no_grad()
def record(root: nn.Module, image: Tensor, paths: Sequence[str]) -> Calls:
    """Run a network on an image, and record the calls of the modules with these paths."""
    found: dict[str, list[Call]] = {path: [] for path in paths}

    def recorder(path: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def keep(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            found[path].append(_call(args, kwargs, result))

        return keep

    hooks = {path: recorder(path) for path in paths}
    with _hooked(root, hooks):
        root(image)
    return found


@torch.no_grad()
def proof(old: nn.Module, new: nn.Module, call: Call, measure: Measure) -> float:
    """The lowest SQNR of a module against what it is to replace, on random inputs, in dB."""
    assert call.first is not None
    found = []
    for seed in range(DRAWS):
        x = call.first.drawn(seed)
        expected = old(x.clone(), *call.others, **call.named)
        try:
            result = new(x, *call.others, **call.named)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return WRONG_DB
        found.append(_decibels(expected, result, measure))
    return min(found)


def _decibels(expected: Any, result: Any, measure: Measure) -> float:
    """The lowest SQNR of the tensors that a module returned."""
    pairs = list(zip(_flat(expected), _flat(result), strict=False))
    alike = type(expected) is type(result) and len(_flat(expected)) == len(_flat(result))
    if not alike or not pairs or any(a.shape != b.shape for a, b in pairs):
        return WRONG_DB
    return min(measure(a.numpy(), b.numpy()) for a, b in pairs)


def _call(args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Call:
    first = args[0] if args and isinstance(args[0], Tensor) else None
    spread = isinstance(result, tuple) and len(result) > 0
    return Call(
        first=None if first is None or not first.is_floating_point() else _statistics(first),
        others=tuple(map(_kept, args[1:])),
        named={name: _kept(x) for name, x in kwargs.items()},
        in_tuple=tuple(result[1:]) if spread else None,
    )


def _statistics(x: Tensor) -> Statistics:
    values = np.asarray(x.detach().numpy(), np.float64)
    return Statistics(shape=tuple(x.shape), mean=float(values.mean()), std=float(values.std()))


def _kept(x: Any) -> Any:
    """A copy of a tensor, which the network may change after the call."""
    return x.detach().clone() if isinstance(x, Tensor) else x


def _equal(a: Any, b: Any) -> bool:
    """Whether two arguments are the same value."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and bool(torch.equal(a, b))
    return a is b or (type(a) is type(b) and not isinstance(a, nn.Module) and bool(a == b))


def _flat(found: Any) -> list[Tensor]:
    """The tensors in what a module returned."""
    return [x for x in (found if isinstance(found, tuple) else (found,)) if isinstance(x, Tensor)]


@contextmanager
def _hooked(root: nn.Module, hooks: Mapping[str, Callable[..., None]]) -> Iterator[None]:
    """Register hooks by path for the duration of the block."""
    handles = [
        root.get_submodule(path).register_forward_hook(hook, with_kwargs=True)
        for path, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
