"""A toolchain's remarks, kept to itself."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings, log lines and progress bars; exceptions pass.

    torchao logs every CUDA library that a CPU build lacks, coremltools says on Linux that Apple's
    frameworks are missing, and draws progress bars on stderr.
    """
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
