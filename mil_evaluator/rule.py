"""Rules: functions that compute one type of MIL operation from its inputs.

A rule is an ordinary function whose parameters have the names of the MIL operation's inputs. Its
annotations say how each input is read: `Tensor` as it is; `int`, `float` or `bool` from a scalar; a
`list` of these from a vector or a tuple of scalars; `list[Tensor]` from a tuple; `str`. An optional
input that is absent is not passed, so the parameter's default is MIL's default.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_type_hints

from torch import Tensor

from mil_evaluator.values import Value

Function = Callable[..., Any]


def _tensor(value: Value) -> Tensor:
    """Read a tensor."""
    assert isinstance(value, Tensor)
    return value


def _scalar(value: Value) -> Any:
    """Read a Python number from a tensor of one element."""
    return _tensor(value).item()


def _string(value: Value) -> str:
    """Read a string."""
    assert isinstance(value, str)
    return value


def _vector(value: Value) -> list[Any]:
    """Read a list of Python numbers from a vector or a tuple of scalars."""
    if isinstance(value, tuple):
        return [_scalar(item) for item in value]
    return _tensor(value).tolist()


def _tuple(value: Value) -> list[Value]:
    """Read a list of values."""
    assert isinstance(value, tuple)
    return list(value)


_READERS: Mapping[Any, Callable[[Value], Any]] = {
    Tensor: _tensor,
    str: _string,
    int: _scalar,
    float: _scalar,
    bool: _scalar,
    list[int]: _vector,
    list[bool]: _vector,
    list[Tensor]: _tuple,
    list[str]: _tuple,
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one operation type is computed, and how each of its inputs is read."""

    function: Function
    readers: Mapping[str, Callable[[Value], Any]]

    def read(self, inputs: Mapping[str, Value]) -> dict[str, Any]:
        """Read the inputs in the form that the function takes."""
        return {name: self.readers[name](value) for name, value in inputs.items()}

    def __call__(
        self, inputs: Mapping[str, Value], *, read: Mapping[str, Any] | None = None
    ) -> Value:
        """Compute the outputs, one value or a tuple; inputs in `read` are not read again."""
        read = read or {}
        rest = {name: value for name, value in inputs.items() if name not in read}
        return self.function(**read, **self.read(rest))


def rule(function: Function) -> Rule:
    """Make a rule from a function; its signature says how each input is read."""
    hints = get_type_hints(function)
    return Rule(
        function=function,
        readers={
            name: _READERS[_without_none(hints[name])]
            for name in inspect.signature(function).parameters
        },
    )


def _without_none(hint: Any) -> Any:
    """Return `T` for `T | None`, and any other hint unchanged."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if isinstance(hint, UnionType) else hint
