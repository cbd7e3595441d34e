"""Translate a state dict from a library's names, and its order of values, to the official ones.

A naming is data (namings.py): rules over keys, and the few places where a library keeps the same
numbers in another order. Nothing is guessed: a rule either matches a key, or leaves it alone.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from slide_mobile.errors import CheckpointError
from slide_mobile.models.checkpoint.unpickle import shown

__all__ = ["Naming", "translated"]

_NUMBER = re.compile(r"<(\d)([+-]\d+)?>")
_PART = re.compile(r"\[(\d)\]")
# Quarters of a 2x2 neighbourhood, as patch merging concatenates them: (dy, dx).
_QUARTERS = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How a library names and orders the weights of one network.

    A file has this naming if each pattern of `signs` matches one of its keys. `renames` are
    (pattern, replacement), applied to each key in order: `<1>` stands for the first group, `<1-1>`
    for the number in it, less one. A replacement that ends a name in `[0]`, `[1]` marks a part:
    the parts of a name are joined along the first axis. `splits` does the reverse, with (pattern,
    names and shares). Columns of names that match `unfolded` are in the order of torch.nn.Unfold;
    `matrices` are 1x1 convolutions there, and linears here. `eps` sets that of norms whose path
    matches. `left_out` has no counterpart.
    """

    source: str
    network: str
    signs: tuple[str, ...]
    renames: tuple[tuple[str, str], ...] = ()
    splits: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    unfolded: str = ""
    matrices: str = ""
    eps: tuple[tuple[str, float], ...] = ()

    @cached_property
    def _signs(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(re.compile, self.signs))

    def fits(self, keys: "Mapping[str, object] | list[str]") -> bool:
        """Whether each sign is among the keys."""
        return all(any(sign.search(key) for key in keys) for sign in self._signs)

    def renamed(self, key: str) -> str:
        """The official name of a key, or of a part of it."""
        for pattern, replacement in self.renames:
            key = re.sub(pattern, functools.partial(_filled, replacement), key)
        return key


def translated(tensors: Mapping[str, Tensor], naming: Naming) -> dict[str, Tensor]:
    """Return the tensors under official names, in official order.

    Raises CheckpointError if two keys become one.
    """
    whole: dict[str, Tensor] = {}
    parts: dict[str, dict[int, Tensor]] = {}
    for key, tensor in tensors.items():
        for name, part in _split(naming.renamed(key), tensor, naming):
            mark = _PART.search(name)
            if mark is not None:
                parts.setdefault(_PART.sub("", name), {})[int(mark[1])] = part
            elif name in whole:
                raise CheckpointError(f"has more than one tensor for {shown(name)}")
            else:
                whole[name] = part
    for name, found in parts.items():
        whole[name] = torch.cat([found[i] for i in sorted(found)])
    return {name: _ordered(name, tensor, naming) for name, tensor in whole.items()}


def _filled(replacement: str, match: re.Match[str]) -> str:
    """Write a replacement's groups out."""

    def group(number: re.Match[str]) -> str:
        text = match[int(number[1])]
        return text if number[2] is None else str(int(text) + int(number[2]))

    return _NUMBER.sub(group, replacement)


def _split(name: str, tensor: Tensor, naming: Naming) -> Iterator[tuple[str, Tensor]]:
    """The tensors that one tensor of the file holds, most often itself."""
    for pattern, shares in naming.splits:
        match = re.search(pattern, name)
        total = sum(share for _, share in shares)
        if match is None or not tensor.ndim or tensor.shape[0] % total:
            continue
        rows = [tensor.shape[0] // total * share for _, share in shares]
        for (target, _), part in zip(shares, tensor.split(rows), strict=True):
            yield re.sub(pattern, functools.partial(_filled, target), name), part
        return
    yield name, tensor


def _ordered(name: str, tensor: Tensor, naming: Naming) -> Tensor:
    """The values in official order."""
    if naming.matrices and tensor.ndim == 4 and re.search(naming.matrices, name):
        tensor = tensor.flatten(1)
    if naming.unfolded and re.search(naming.unfolded, name) and tensor.shape[-1] % 4 == 0:
        # Unfold has the channel outside and the quarter, dy before dx, inside.
        by_channel = tensor.unflatten(-1, (-1, 2, 2))
        tensor = torch.stack([by_channel[..., dy, dx] for dy, dx in _QUARTERS], -2).flatten(-2)
    return tensor
