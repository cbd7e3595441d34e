"""A folder, or a file, that appears whole or not at all.

It is built in a hidden sibling and renamed at the end. Whatever ends the building early (an error,
Ctrl-C) leaves what was there before; what a killed process left is swept by the next run. Two
processes may build the same folder: each holds a lock on its own sibling, and only unlocked ones
are swept.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from slide_mobile.errors import OutputError

# What a write can meet that the caller can mend; anything else is not about the output.
_OUTPUT_ERRNOS = frozenset(
    {
        errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.EISDIR,
        errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip


@contextlib.contextmanager
def staging(root: Path, *, force: bool) -> Iterator[Path]:
    """A hidden sibling of `root` to build in; it becomes `root` when the block ends well.

    An existing `root` is replaced only with `force`, and only at the end. Raises OutputError.
    """
    _refuse_existing(root, force)
    with _output_errors(root), _parents(root.parent):
        _sweep(root)
        partial = _sibling(root, "partial")
        partial.mkdir()
        lock = os.open(partial, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield partial
            _refuse_existing(root, force)  # another process may have been faster
            _replace(partial, root)
        finally:
            os.close(lock)
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def alone_in(folder: Path, *, busy: str | None = None) -> Iterator[None]:
    """Hold a folder, made if it is not there, against other processes that do.

    Waits for one that holds it, or raises OutputError, saying `busy`.
    """
    make_folder(folder)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise OutputError(busy) from error
        yield
    finally:
        os.close(lock)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents where they are not there; raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file, or replace it, at once; raises OutputError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            # A path that is not UTF-8 becomes an escape.
            if isinstance(content, str):
                content = content.encode("utf-8", "backslashreplace")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _refuse_existing(root: Path, force: bool) -> None:
    if os.path.lexists(root) and not force:
        raise OutputError(f"{root} exists; choose another --out, or replace it with --force")


@contextlib.contextmanager
def _output_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _OUTPUT_ERRNOS:
            raise
        raise OutputError(
            f"cannot write to {root.parent}: {error.strerror}; nothing was kept"
        ) from error


@contextlib.contextmanager
def _parents(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; take the empty ones away again if the block fails."""
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    make_folder(folder)
    try:
        yield
    except BaseException:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _sibling(root: Path, kind: str) -> Path:
    return root.with_name(f".{root.name}.{kind}-{uuid.uuid4().hex[:8]}")


def _siblings(root: Path, kind: str) -> list[Path]:
    prefix = f".{root.name}.{kind}-"
    return [path for path in root.parent.iterdir() if path.name.startswith(prefix)]


def _sweep(root: Path) -> None:
    """Remove what killed processes left, and put back what one had moved aside."""
    for stale in _siblings(root, "partial"):
        with contextlib.suppress(OSError):
            lock = os.open(stale, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(stale, ignore_errors=True)
            finally:
                os.close(lock)
    for old in _siblings(root, "replaced"):
        if os.path.lexists(root):
            _remove(old)
        else:
            old.rename(root)


def _replace(partial: Path, root: Path) -> None:
    old = _sibling(root, "replaced")
    if os.path.lexists(root):
        root.rename(old)
    try:
        partial.rename(root)
    except OSError:
        if os.path.lexists(old):
            old.rename(root)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
