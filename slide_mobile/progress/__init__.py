"""How a long-running function reports its progress."""

from typing import Protocol


class Progress(Protocol):
    """A function that takes the name of a stage and, if known, the fraction that is done."""

    def __call__(self, stage: str, done: float | None = None) -> None:
        """Report a stage; `done` is in 0..1."""


def silent(stage: str, done: float | None = None) -> None:
    """Ignore the report."""


def automatic(stage: str, done: float | None = None) -> None:
    """Stand for a moving line on a terminal or in a notebook, and for silence elsewhere.

    `shown.visible` puts the line in its place.
    """
