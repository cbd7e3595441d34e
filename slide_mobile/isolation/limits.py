"""Limits of a child process that reads foreign files."""

import resource
from pathlib import Path

from slide_mobile.isolation import subprocesses

# The largest models, slide_pvt_v2_b5 and swin_base, are checked within 4 GB.
MOST_BYTES = 12 << 30
_MOST_FILE_BYTES = 4 << 30
_PAGE = resource.getpagesize()


class Exceeded(Exception):
    """A child did not return; the message continues a sentence that begins with the file."""


def limited(most_file_bytes: int = _MOST_FILE_BYTES) -> None:
    """Limit this process: no core dump, no endless file, and an end with its parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = most_file_bytes if hard == resource.RLIM_INFINITY else min(hard, most_file_bytes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if subprocesses.WITH_US is not None:
        subprocesses.WITH_US()


def require_small(process: int) -> None:
    """Raise Exceeded if a process holds more memory than any of our models needs. Linux only."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended, or this is no Linux
        return
    if pages * _PAGE > MOST_BYTES:
        raise Exceeded(f"was given up: it took more than {MOST_BYTES >> 30} GB of memory")
