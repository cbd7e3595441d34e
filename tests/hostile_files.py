"""What a path may lead to besides the file that was meant: for tests of everything that reads."""

import os
import socket
from collections.abc import Callable
from pathlib import Path


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 42)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


MAKE: dict[str, Callable[[Path], None]] = {
    "folder": lambda path: path.mkdir(),
    "named pipe": lambda path: os.mkfifo(path),
    "link to a device": _to_device,
    "loop of links": _loop,
    "socket": _socket,
    "sparse file of 4 TiB": _sparse,
}
KINDS = tuple(MAKE)


def put(kind: str, path: Path) -> Path:
    """Replace what is at the path, if anything is there."""
    path.unlink(missing_ok=True)
    MAKE[kind](path)
    return path
