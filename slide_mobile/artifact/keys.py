"""Keys in PEM, as files hold them."""

from pathlib import Path

from slide_mobile.errors import UsageError
from slide_mobile.isolation import files

_MOST_BYTES = 1 << 16


def read(path: Path) -> bytes:
    """Read a file with keys, of at most 64 KiB; raises UsageError. What is in it is not checked."""
    try:
        return files.read(path, most=_MOST_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read the key {path} ({error.strerror})") from error
