"""The child: reads a call from standard input, makes it, and replies on a pipe.

Runs as `python -m slide_mobile.isolation.child DESCRIPTOR`.
"""

import importlib
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from slide_mobile.isolation.calling import in_this_process
from slide_mobile.isolation.messages import Called, Failed, Progressed, Returned


def main() -> None:
    """Make one call."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller ends this process
    with Connection(int(sys.argv[1]), readable=False) as connection:
        called: Called = pickle.load(sys.stdin.buffer)
        with in_this_process():
            connection.send(_made(called, connection))


def _made(called: Called, connection: Connection) -> Returned | Failed:
    """What comes of a call."""

    def progress(stage: str, done: float | None = None) -> None:
        connection.send(Progressed(stage=stage, done=done))

    reporting = {"progress": progress} if called.reports else {}
    try:
        function = getattr(importlib.import_module(called.module), called.name)
        return Returned(value=function(**called.arguments, **reporting))
    except Exception as error:
        return Failed(error=_sendable(error), trace=traceback.format_exc())


def _sendable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be copied."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()
