"""Atomic writes: a folder or a file appears complete, or not at all.

It is built in a hidden sibling and renamed at the end. After an error or Ctrl-C the old folder is
unchanged. The next run deletes the siblings that killed processes left behind. Two processes may
build the same folder at once: each locks its own sibling, and locked siblings are not deleted.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.errors import OutputError

# Errors of a write that the caller can fix; any other error is not about the output.
_OUTPUT_ERRNOS = frozenset(
    {
        errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.EISDIR,
        errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip


@contextlib.contextmanager
def staging(root: Path, *, force: bool) -> Iterator[Path]:
    """Give a hidden sibling of `root` to build in, which becomes `root` if the block succeeds.

    An existing artifact is replaced only with `force`, and only at the end. Raises OutputError.
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
    """Lock a folder against other processes that lock it; the folder is made if it is missing.

    If another process holds the lock, waits for it, or raises OutputError with the text `busy`.
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
    """Make a folder and its missing parents; raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder {folder}: {error.strerror}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Write or replace a file atomically; raises OutputError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            # Text may have a path that is not UTF-8; its bytes are escaped.
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


def remove_tree(path: Path) -> None:
    """Delete a file or a folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _refuse_existing(root: Path, force: bool) -> None:
    """Raise OutputError if `root` exists and may not be replaced.

    With `force`, a folder is replaced only if it is an artifact or empty: others are not ours.
    """
    if not os.path.lexists(root):
        return
    if not force:
        raise OutputError(f"{root} exists; choose another --out, or replace it with --force")
    if root.is_dir() and not (root / MANIFEST).exists() and any(root.iterdir()):
        raise OutputError(f"{root} is not an artifact, so it is not replaced; move it away")


@contextlib.contextmanager
def _output_errors(root: Path) -> Iterator[None]:
    """Turn an OSError that is about the output into an OutputError."""
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
    """Make a folder and its parents; if the block fails, remove those that are empty."""
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
    """Return a new, hidden path next to `root`."""
    return root.with_name(f".{root.name}.{kind}-{uuid.uuid4().hex[:8]}")


def _siblings(root: Path, kind: str) -> list[Path]:
    """List the hidden siblings of this kind that exist."""
    prefix = f".{root.name}.{kind}-"
    return [path for path in root.parent.iterdir() if path.name.startswith(prefix)]


def _sweep(root: Path) -> None:
    """Delete what killed processes left behind, and restore a folder that one had moved away."""
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
            remove_tree(old)
        else:
            old.rename(root)


def _replace(partial: Path, root: Path) -> None:
    """Rename `partial` to `root`; an existing `root` is moved away first, and then deleted."""
    old = _sibling(root, "replaced")
    if os.path.lexists(root):
        root.rename(old)
    try:
        partial.rename(root)
    except OSError:
        if os.path.lexists(old):
            old.rename(root)
        raise
    remove_tree(old)
