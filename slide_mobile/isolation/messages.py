"""What a caller and its child tell each other."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Called:
    """A call by the function's module and name; if it `reports`, it takes a `progress`."""

    module: str
    name: str
    arguments: dict[str, Any]
    reports: bool


@dataclass(frozen=True, kw_only=True)
class Progressed:
    """The call has come to a stage."""

    stage: str
    done: float | None


@dataclass(frozen=True, kw_only=True)
class Returned:
    """The call has returned."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The call has raised an error; `trace` is where."""

    error: Exception
    trace: str
