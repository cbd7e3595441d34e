"""Keep a toolchain's own remarks off the screen: the one way for every converter.

torchao logs each CUDA library that a CPU build lacks, torch.onnx logs that torchvision is absent,
coremltools warns about every torch newer than the one it was tested with, litert-torch prints its
stages on stdout, and coremltools and ai-edge-quantizer draw progress bars on stderr. `quiet` drops
all of that while one import or one call runs: it works on Python's streams, warnings and loggers.

What C++ code prints goes to the file descriptors of the process. A library must leave those alone;
the command line owns its process, and points both descriptors to a scratch file while a command
runs (`slide_mobile.cli.streams`). That redirection is the outermost guard. It catches what
`quiet` cannot, and `--debug` lifts it.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop prints, warnings, and log lines up to WARNING; exceptions pass."""
    disabled = logging.root.manager.disable
    dropped = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(dropped),
        contextlib.redirect_stderr(dropped),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
