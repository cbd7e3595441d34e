"""Call a function in a child process, because a file that it reads may be hostile.

Readers and runtimes in C and C++ trust their files: a wrong one can end the process, or take all
memory. The child inherits nothing but the arguments. If it dies, hangs or grows, the caller gets
one error that names the file, and goes on. It is no sandbox: code that took the child over could
do what the user can.
"""

import contextlib
import functools
import inspect
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from slide_mobile.errors import ArtifactError, UsageError
from slide_mobile.isolation import limits, subprocesses
from slide_mobile.isolation.files import StrPath
from slide_mobile.isolation.messages import Called, Failed, Progressed, Returned
from slide_mobile.progress import Progress, silent

P = ParamSpec("P")
R = TypeVar("R")

_SECONDS = 300.0  # without a sign of progress: a module comparison of the largest models takes 100
_BYTES_PER_SECOND = 10e6  # a slow disk's, and a slow parser's
_LOOK_SECONDS = 0.2  # from one look at the child's memory to the next

_in_child = False


def _itself(subject: Any) -> Any:
    return subject


def isolated(
    *,
    of: Callable[[Any], StrPath] = _itself,
    error: type[UsageError] = ArtifactError,
    seconds: float = _SECONDS,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make each call of a function run in a child process.

    `of` gives the file or folder that the function reads, from its first argument, which by default
    is its path. If the child does not return, `error` names the file, and the stage that was
    reported last. It is given up after `seconds` without a sign of progress, and more for a large
    file. A keyword argument `progress` stays here, and is called with what the child
    reports. Arguments, result and errors must be values that pickle can copy. Without `of`, every
    path-like argument is sent as a plain `Path`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function)

        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            if _in_child:  # what calls it is isolated already
                return function(*args, **kwargs)
            given = parameters.bind(*args, **kwargs).arguments
            subject = next(iter(given.values()))
            progress = given.pop("progress", silent)
            called = Called(
                module=function.__module__,
                name=function.__name__,
                arguments={k: _plain(v) for k, v in given.items()} if of is _itself else given,
                reports="progress" in parameters.parameters,
            )
            file = Path(of(subject))
            try:
                result: R = _call(called, progress, seconds + _size(file) / _BYTES_PER_SECOND)
            except limits.Exceeded as exceeded:
                raise error(f"{file} {exceeded}") from exceeded
            return result

        return wrapped

    return decorate


@contextlib.contextmanager
def in_this_process() -> Iterator[None]:
    """Call isolated functions here, without a child: for a process that is one, and for tests."""
    global _in_child
    before, _in_child = _in_child, True
    try:
        yield
    finally:
        _in_child = before


def _plain(value: object) -> object:
    """A path for what is path-like, which may hold more than pickle can copy."""
    return Path(value) if isinstance(value, PathLike) else value


def _call(called: Called, progress: Progress, seconds: float) -> Any:
    """Run a call in a new child; raises what it raised, and Exceeded."""
    at = ""
    with _child(called) as (process, connection):
        for reply in _replies(process, connection, seconds):
            match reply:
                case Progressed(stage=stage, done=done):
                    at = f"; it was at: {stage}"
                    progress(stage, done)
                case Returned(value=value):
                    return value
                case Failed(error=error, trace=trace):
                    raise error from RuntimeError(trace)
    raise limits.Exceeded(f"{_ending(process)}{at}")


@contextlib.contextmanager
def _child(called: Called) -> Iterator[tuple["subprocess.Popen[bytes]", Connection]]:
    """Start a child that has been told what to call; it is killed at the end of the block."""
    ours, theirs = os.pipe()
    with Connection(ours, writable=False) as connection:
        command, environment = subprocesses.python("slide_mobile.isolation.child", str(theirs))
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, pass_fds=[theirs], env=environment,
                preexec_fn=limits.limited,
            )  # fmt: skip
        finally:
            os.close(theirs)
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has died: the end of the pipe says so
                pickle.dump(called, process.stdin)
                process.stdin.close()
            yield process, connection
        finally:
            process.kill()
            process.wait()


def _replies(
    process: "subprocess.Popen[bytes]", connection: Connection, seconds: float
) -> Iterator[Any]:
    """What the child says until its end; raises Exceeded if it grows or is silent too long."""
    heard = time.monotonic()
    while True:
        if connection.poll(_LOOK_SECONDS):
            try:
                reply = connection.recv()
            except EOFError:
                return
            heard = time.monotonic()
            yield reply
        limits.require_small(process.pid)
        if time.monotonic() - heard > seconds:
            raise limits.Exceeded(f"was given up: nothing came of it in {seconds:.0f} s")


def _size(path: Path) -> int:
    """Bytes of a file; a folder's are not counted, its files are read one after the other."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _ending(process: "subprocess.Popen[bytes]") -> str:
    """How a child ended that did not return."""
    status = process.wait()
    if status < 0:
        return f"ended the process that read it: {signal.Signals(-status).name}"
    return f"ended the process that read it: exit code {status}"
