"""Running a function in a process of its own, so that a crash costs one result."""

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
MOST = 300  # characters of an error that a result keeps

T = TypeVar("T")


def alone(function: Callable[..., T], *arguments: object) -> Future[T]:
    """The outcome of a function in a fresh process; a process that dies is an exception too."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments)  # leaving the pool waits for the outcome


def one_line(error: BaseException) -> str:
    """An error in one line, without the path of this checkout."""
    text = " ".join(str(error).replace(f"{ROOT}/", "").split())
    return f"{type(error).__name__}: {text[:MOST]}"
