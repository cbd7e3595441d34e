"""The one line and the exit code of every error that ends a command."""

import errno
import signal
from collections.abc import Iterator

from slide_mobile.artifact import scratch
from slide_mobile.cli.session import Session
from slide_mobile.errors import INTERRUPTED, ArtifactError, SlideMobileError

BROKEN_PIPE = 141  # what a shell reports for SIGPIPE
CRASHED = 70  # EX_SOFTWARE of sysexits.h: a bug of ours or of a toolchain
LACKING = 3  # the environment lacks something
WRONG = 2  # the call is wrong, or what it was given is

OUT_OF_MEMORY = "out of memory: a conversion needs 6 GB of free memory"
# What a loader says where memory for a library is missing, and Python for a thread.
_NO_MEMORY = ("failed to map segment", "Cannot allocate memory", "can't start new thread")
# Errors of the system that name a limit, and what raises it.
_LIMITS = {
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "the system's limit of open files",
    errno.EFBIG: "ulimit -f",
    errno.EAGAIN: "ulimit -u",
    errno.ENOSPC: "free space on the disk",
    errno.EDQUOT: "the disk quota",
}
# Errors about a path: it was changed, deleted or closed to us while the command ran.
_PATHS = {
    errno.EACCES, errno.EEXIST, errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
    errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EPERM, errno.EROFS, errno.ESTALE,
}  # fmt: skip


def explained(error: BaseException, session: Session) -> tuple[str, int]:
    """The line and the exit code for an error."""
    # A toolchain may have turned the interruption into an error of its own.
    if session.ended_by is not None or isinstance(error, KeyboardInterrupt):
        return _interruption(session)
    # With no space for temporary files, a good file reads as a damaged one.
    doubtful = isinstance(error, ArtifactError) or not isinstance(error, SlideMobileError)
    if doubtful and (folder := scratch.full()) is not None:
        return (
            f"the disk of {folder}, the folder for temporary files, is full: make space, or set "
            f"TMPDIR to another folder ({error})"
        ), LACKING
    if isinstance(error, SlideMobileError):
        return str(error), error.exit_code
    for found in _causes(error):
        if known := of_system(found):
            return known
    kind = type(error).__name__  # a bug of ours, or of a toolchain
    return f"internal error ({kind}: {error}); --debug shows where", CRASHED


def of_system(error: BaseException) -> tuple[str, int] | None:
    """The line and exit code for an error of the system or of its settings, such as no memory."""
    # PyTorch reads the variable when it is imported, and has no name for this error.
    if isinstance(error, ValueError) and "Invalid log settings" in str(error):
        return "PyTorch does not understand the value of TORCH_LOGS: unset it", WRONG
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
        return OUT_OF_MEMORY, LACKING
    if not isinstance(error, OSError):
        return None
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOMEM:
        return OUT_OF_MEMORY, LACKING
    if limit := _LIMITS.get(error.errno or 0):
        return f"the system refuses: {error.strerror}{where}; raise {limit}", LACKING
    if error.errno in _PATHS and error.filename:
        return f"cannot use {error.filename!s}: {error.strerror}", WRONG
    return None


def _interruption(session: Session) -> tuple[str, int]:
    """The line and the exit code, as a shell reports it, of a signal that ended the command."""
    number = session.ended_by
    if number in (None, signal.SIGINT):
        return session.interruption, INTERRUPTED
    return session.interruption.replace("interrupted", f"ended by {number.name}", 1), 128 + number


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
