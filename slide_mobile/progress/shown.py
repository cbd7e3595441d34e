"""Show the progress of calls from Python, where somebody may be waiting."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from slide_mobile.progress import Progress, automatic, silent

P = ParamSpec("P")
R = TypeVar("R")


def visible(function: Callable[P, R]) -> Callable[P, R]:
    """Give each call that brings no `progress` one that is shown, and taken down at its end."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("progress", automatic) is not automatic:
            return function(*args, **kwargs)
        with _shown() as progress:
            kwargs["progress"] = progress
            return function(*args, **kwargs)

    return wrapped


@contextlib.contextmanager
def _shown() -> Iterator[Progress]:
    """A line on a terminal or in a notebook, else silence."""
    # Nobody who only imports the package waits for rich.
    from rich.console import Console

    from slide_mobile.progress.steps import NotebookSteps, Steps, TerminalSteps

    console = Console(stderr=True, highlight=False, emoji=False)
    if not (console.is_jupyter or console.is_terminal):
        yield silent
        return
    steps: Steps = NotebookSteps() if console.is_jupyter else TerminalSteps(console)
    try:
        yield steps.report
    finally:
        steps.close()
