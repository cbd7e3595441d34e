"""How a long verb tells its caller where it is."""

from typing import Protocol


class Progress(Protocol):
    """Called with the stage's name and, where it is known, the share of it that is done."""

    def __call__(self, stage: str, done: float | None = None) -> None:
        """`done` is in 0..1."""


def silent(stage: str, done: float | None = None) -> None:
    """Report to nobody."""
