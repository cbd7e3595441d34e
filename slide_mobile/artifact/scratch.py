"""A folder for the temporary files of one command, which goes when the command ends.

Toolchains leave files in the folder of temporary files: PyTorch's compiler makes one on its import,
and a process that is killed leaves what it had. So a command gives them a folder of its own. What a
killed command left is deleted by the next one.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slide_mobile.artifact import atomic

_STEM = "slide-mobile"
_FULL_BYTES = 1 << 20  # with less, a disk counts as full
_outer: Path | None = None


def outer() -> Path:
    """Return the folder of temporary files that the command found; raises FileNotFoundError."""
    return Path(tempfile.gettempdir()) if _outer is None else _outer


def full() -> Path | None:
    """Return the folder of temporary files if its disk is full."""
    with contextlib.suppress(OSError):
        folder = outer()
        return folder if shutil.disk_usage(folder).free < _FULL_BYTES else None
    return None


@contextlib.contextmanager
def scratch() -> Iterator[None]:
    """Keep all temporary files of this process and its children in a folder, and delete it.

    Where it cannot be made there is none, and what needs one will say so.
    """
    global _outer
    found, before = _outer, (os.environ.copy(), tempfile.tempdir)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            here = outer()
            folder = stack.enter_context(atomic.temporary(here / _STEM))
            os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder / "torchinductor"))
            _outer = here
        try:
            yield
        finally:
            _outer = found
            environment, tempfile.tempdir = before
            for name in ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR"):
                os.environ.pop(name, None)
                if name in environment:
                    os.environ[name] = environment[name]
