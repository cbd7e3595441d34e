"""Atomic writes: a folder or a file appears complete, or not at all.

It is built in a hidden sibling and renamed at the end. After an error or Ctrl-C the old folder is
unchanged. The next run deletes the siblings that killed processes left behind. Two processes may
build the same folder at once: each locks its own sibling, and locked siblings are not deleted.

The name of a sibling is random, and it is made only where nothing has that name: nobody can put a
link there and have us write through it.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from slide_mobile.artifact.replacing import refuse_existing
from slide_mobile.errors import OutputError

# Errors of a write that the caller can fix; any other error is not about the output.
_OUTPUT_ERRNOS = frozenset(
    {
        errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP,
        errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PARTIAL = re.compile(r"\..+\.partial-[0-9a-f]{32}", re.DOTALL)
_MOST_NAME_BYTES = 180  # of a sibling's name, which may have 255 with what is added


@contextlib.contextmanager
def staging(root: Path, *, force: bool, listed: bool = False) -> Iterator[Path]:
    """Give a hidden sibling of `root` to build in, which becomes `root` if the block succeeds.

    With `force`, `root` is replaced at the end if it is an artifact, or `listed` in an index of
    ours. Raises OutputError.
    """
    refuse_existing(root, force=force, listed=listed)
    with _output_errors(root), _parents(root.parent):
        sweep(root)
        partial, lock = _locked_sibling(root)
        try:
            yield partial
            # Another process may have been faster.
            refuse_existing(root, force=force, listed=listed)
            _replace(partial, root)
        except Exception as error:
            if not partial.is_dir():  # whatever failed, failed because of that
                raise OutputError(
                    f"{partial.parent} was changed while it was written to; nothing was kept"
                ) from error
            raise
        finally:
            with contextlib.suppress(OSError):
                remove_tree(partial)
            os.close(lock)


@contextlib.contextmanager
def temporary(root: Path) -> Iterator[Path]:
    """Give a new hidden sibling of `root`, which only this user can read, and delete it at the end.

    Deletes those that killed processes left, too. Raises OSError.
    """
    sweep(root)
    folder, lock = _locked_sibling(root)
    try:
        folder.chmod(0o700)
        yield folder
    finally:
        with contextlib.suppress(OSError):
            remove_tree(folder)
        os.close(lock)


@contextlib.contextmanager
def alone_in(folder: Path, *, busy: str | None = None) -> Iterator[None]:
    """Lock a folder against other processes that lock it; the folder is made if it is missing.

    If another process holds the lock, waits for it, or raises OutputError with the text `busy`.
    """
    make_folder(folder)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
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
    # Text may have a path that is not UTF-8; its bytes are escaped.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        with _locked_file(path) as (partial, file):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def remove_tree(path: Path) -> None:
    """Delete a file or a folder if it exists, and the rest of it where a signal comes meanwhile."""
    try:
        _remove(path)
    except KeyboardInterrupt:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    """Delete a file or a folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Delete what killed processes left next to `root`; restore a folder that one had moved away.

    What is locked is being built, and stays.
    """
    own = f".{_stem(root)}.partial-"
    for stale in _entries(root.parent):
        if stale.name.startswith(own) or _PARTIAL.fullmatch(stale.name):
            _sweep_unlocked(stale)
    for old in _entries(root.parent):
        if old.name.startswith(f".{_stem(root)}.replaced-"):
            _settle(root, old)


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


def _locked_sibling(root: Path) -> tuple[Path, int]:
    """Make a new sibling, and the descriptor that locks it."""
    while True:
        partial = _sibling(root, "partial")
        partial.mkdir()
        with contextlib.suppress(FileNotFoundError):  # another process swept it: try again
            lock = os.open(partial, _FOLDER)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.lexists(partial):
                return partial, lock
            os.close(lock)


@contextlib.contextmanager
def _locked_file(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Make a new sibling of a file, open and locked; it is deleted if it is still there then."""
    while True:
        partial = _sibling(path, "partial")
        with os.fdopen(os.open(partial, _NEW_FILE, 0o666), "wb") as file:
            try:
                with contextlib.suppress(OSError):  # a file system without locks: nobody sweeps
                    fcntl.flock(file, fcntl.LOCK_EX)
                if os.path.lexists(partial):  # no other process has swept it
                    yield partial, file
                    return
            finally:
                with contextlib.suppress(OSError):
                    partial.unlink()


def _sibling(root: Path, kind: str) -> Path:
    """Return a new, hidden path next to `root`."""
    return root.with_name(f".{_stem(root)}.{kind}-{uuid.uuid4().hex}")


def _stem(root: Path) -> str:
    """Return the name of `root`, or its sha256 where a sibling's name would be too long."""
    name = os.fsencode(root.name)
    return root.name if len(name) <= _MOST_NAME_BYTES else hashlib.sha256(name).hexdigest()


def _entries(folder: Path) -> list[Path]:
    """List a folder, empty where it cannot be listed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _sweep_unlocked(stale: Path) -> None:
    """Delete a folder or a file that no process has locked."""
    with contextlib.suppress(OSError):
        is_file = stat.S_ISREG(stale.lstat().st_mode)
        lock = os.open(stale, _OLD_FILE if is_file else _FOLDER)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(stale)
        finally:
            os.close(lock)


def _replace(partial: Path, root: Path) -> None:
    """Rename `partial` to `root`; an existing `root` is moved away first, and then deleted."""
    old = _sibling(root, "replaced")
    try:
        if os.path.lexists(root):
            root.rename(old)
        partial.rename(root)
    finally:  # also where a signal comes between the two
        _settle(root, old)


def _settle(root: Path, old: Path) -> None:
    """Delete what was moved away from `root`, or move it back if `root` is not there."""
    if os.path.lexists(root):
        remove_tree(old)
    elif os.path.lexists(old):
        old.rename(root)


def copy_file(source: Path, destination: Path) -> None:
    """Copy one file, as a new one, and make the folders that it needs."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
