"""Read files that somebody else may have made: only regular files, and only up to a limit.

A pipe, a device or a socket could hold a reader for ever, and a sparse file of a few bytes on disk
can claim terabytes. Everything that a command is given is read through this module: documents,
images, labels, release files, and every file of an artifact or of a checkpoint.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from os import PathLike
from pathlib import Path

StrPath = str | PathLike[str]  # what a caller may give for a path

# The largest file with weights that is read: 20 times those of the largest model with the state of
# its optimizer. To hash it takes 5 to 10 seconds.
MOST_WEIGHTS_BYTES = 8 << 30

# The largest model file that is read as a whole: three times that of slide_swin_base in fp32.
MOST_MODEL_BYTES = 1 << 30

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
# To open a pipe waits for a writer without O_NONBLOCK, which means nothing to a regular file.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def paths(given: StrPath | Iterable[StrPath]) -> tuple[Path, ...]:
    """One path or several, as a caller gives them."""
    one = isinstance(given, str | PathLike)
    return (Path(given),) if one else tuple(map(Path, given))  # type: ignore[arg-type]


@contextlib.contextmanager
def opened(path: Path, *, most: int) -> Iterator[BufferedReader]:
    """Open a regular file of at most `most` bytes; raises OSError, whose `strerror` says why not.

    A link is followed.
    """
    with os.fdopen(_descriptor(path, most), "rb") as file:
        yield file


def read(path: Path, *, most: int) -> bytes:
    """Return the contents of a regular file of at most `most` bytes; raises OSError."""
    with opened(path, most=most) as file:
        data = file.read(most + 1)
    if len(data) > most:  # it grew meanwhile, or is one of those in /proc that claim no size
        raise _too_large(path, most)
    return data


def sha256(path: Path, *, most: int = MOST_WEIGHTS_BYTES) -> str:
    """Return the sha256 of a regular file of at most `most` bytes; raises OSError."""
    with opened(path, most=most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _descriptor(path: Path, most: int) -> int:
    """Open the file, and look at what was opened; raises OSError."""
    try:
        _require(path.stat(), path, most)  # to open a device can already do something
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL character
        raise OSError(errno.EINVAL, "its name is not possible", repr(path)) from error
    try:
        _require(os.fstat(descriptor), path, most)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require(found: os.stat_result, path: Path, most: int) -> None:
    """Raise OSError unless this is a regular file of at most `most` bytes."""
    for is_kind, kind in _KINDS:
        if is_kind(found.st_mode):
            number = errno.EISDIR if kind == "a folder" else errno.EINVAL
            raise OSError(number, f"it is {kind}, not a file", str(path))
    if found.st_size > most:
        raise _too_large(path, most)


def _too_large(path: Path, most: int) -> OSError:
    """Return the error for a file that is larger than `most` bytes."""
    limit = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
    return OSError(errno.EFBIG, f"it is larger than {limit}", str(path))
