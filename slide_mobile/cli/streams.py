"""Standard output and standard error, kept clean of what the toolchains print.

The toolchains print from Python and from C++, on both streams. While a command runs, the process's
file descriptors 1 and 2 lead to a scratch file, and our own output goes to copies made before.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, TextIO


@contextlib.contextmanager
def streams(*, keep: bool) -> Iterator[tuple[IO[str], IO[str]]]:
    """Copies of stdout and stderr; the originals lead to a scratch file unless kept."""
    if keep or not _are_descriptors():
        # A closed stream is None.
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - no Path there
            yield sys.stdout or nowhere, sys.stderr or nowhere
        return
    sys.stdout.flush()
    sys.stderr.flush()
    with _scratch() as scratch, _copy(sys.stdout) as out, _copy(sys.stderr) as err:
        os.dup2(scratch.fileno(), 1)
        os.dup2(scratch.fileno(), 2)
        try:
            yield out, err
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)


def _scratch() -> IO[bytes]:
    """A file that takes everything and that nobody reads."""
    try:
        return tempfile.TemporaryFile()
    except OSError:  # there is no temporary folder; a command that needs one will say so
        return open(os.devnull, "wb")  # noqa: PTH123 - no Path there


@contextlib.contextmanager
def _copy(stream: TextIO) -> Iterator[IO[str]]:
    """A second stream to the same place; it prints any path, as the encoding allows."""
    copy = os.fdopen(
        os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="backslashreplace"
    )
    try:
        yield copy
    finally:
        with contextlib.suppress(OSError):  # a full disk or a closed pipe, already reported
            copy.close()


def _are_descriptors() -> bool:
    """Whether both streams are the process's own: tests replace them, and one may be closed."""
    try:
        return sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False
