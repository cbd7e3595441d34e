"""Folders in the user's cache that are made once: whole, or not at all.

A folder's name contains a hash of what it is made from, so changed pins make another folder. It is
built beside its final place and renamed when it is complete: a folder that is there is whole. The
cache is in the user's cache folder, or in the folder that SLIDE_MOBILE_ENVIRONMENTS names.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing

FOLDER_VARIABLE = "SLIDE_MOBILE_ENVIRONMENTS"


def cache() -> Path:
    """Folder that contains all of these folders."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "slide-mobile")


def place(name: str, pins: Iterable[str]) -> Path:
    """Where the folder of this name and these pins is, or would be."""
    digest = hashlib.sha256("\n".join(pins).encode()).hexdigest()
    return cache() / f"{name}-{digest[:10]}"


def build(root: Path, make: Callable[[Path], None]) -> None:
    """Make a folder of the cache unless it exists; `make` fills the folder that it is given.

    Only one process makes it. What `make` raises is passed on, and leaves nothing behind. Raises
    EnvironmentMissing if the cache cannot be written to.
    """
    if root.exists():
        return
    partial = root.with_name(f".{root.name}.partial")
    with _alone(partial):
        if root.exists():  # another process has just made it
            return
        shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
        try:
            make(partial)
            partial.rename(root)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Hold a lock, so that no other process makes the same folder at the same time."""
    lock = partial.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise EnvironmentMissing(
            f"cannot write to {lock.parent} ({error.strerror}); "
            f"set {FOLDER_VARIABLE} to use another folder"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
