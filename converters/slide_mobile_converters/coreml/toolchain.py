"""coremltools and the evaluator, imported and run without their remarks.

coremltools warns about every torch and scikit-learn newer than the ones it was tested with, says
on Linux that Apple's frameworks are missing, and draws progress bars on stderr.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings, log lines and progress bars; exceptions pass."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)


with quiet():
    import coremltools

    import mil_evaluator

__all__ = ["coremltools", "mil_evaluator", "quiet"]
