"""A process that has loaded everything once, and forks itself for each case.

A start of Python with all toolchains takes seconds; a fork takes 15 ms. The forked process runs the
program from its entry on, has a session, streams and limits of its own, and ends on its own: what
the system says about its end is the truth. Children that read foreign files are forked, too.

Runs as `python tests/fuzz/server.py DESCRIPTOR...`, one worker for each descriptor of a socket.
"""

import atexit
import contextlib
import gc
import importlib
import os
import pickle
import pkgutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import fake_converter
from case import Ended, slowdown

import slide_mobile
import slide_mobile_converters
from slide_mobile import __main__ as program
from slide_mobile.isolation import calling, child, limits

_LOOK_SECONDS = 0.004
_TOOLCHAINS = (
    "ai_edge_litert.interpreter", "coremltools", "executorch.runtime", "onnxruntime", "PIL.Image",
    "onnx", "hypothesis",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a worker is to run."""

    words: Sequence[str]
    work: Path
    environment: dict[str, str]
    out: Path
    err: Path
    most_seconds: float
    ending: tuple[int, float] | None


class _Forked:
    """As much of subprocess.Popen as `calling` needs."""

    def __init__(self, pid: int) -> None:
        self.pid, self._status = pid, None

    def kill(self) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


@contextlib.contextmanager
def _forked_child(called: Any) -> Iterator[Any]:
    """As `calling._child`, but the child is a fork, and so has loaded everything."""
    ours, theirs = os.pipe()
    sent = pickle.dumps(called)
    with Connection(ours, writable=False) as connection:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(ours)
                for number in (signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                limits.limited()
                with Connection(theirs, readable=False) as reply, calling.in_this_process():
                    reply.send(child._made(pickle.loads(sent), reply))
                status = 0
            finally:
                os._exit(status)
        os.close(theirs)
        process = _Forked(pid)
        try:
            yield process, connection
        finally:
            process.kill()
            process.wait()


def _load(package: ModuleType) -> None:
    """Import everything of ours."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__") and ".worker" not in found.name:
            importlib.import_module(found.name)


class _Monkey:
    """What the fake converter needs of pytest."""

    @staticmethod
    def setattr(target: object, name: str, value: object) -> None:
        setattr(target, name, value)


def main() -> None:
    """Load everything, and serve."""
    _load(slide_mobile)
    _load(slide_mobile_converters)
    for name in _TOOLCHAINS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    fake_converter.install(_Monkey, fake_converter.FakeConverter())
    calling._child = _forked_child
    gc.collect()
    gc.freeze()
    sockets = [Connection(int(number)) for number in sys.argv[1:]]
    for socket in sockets:
        if os.fork() == 0:
            for other in sockets:
                if other is not socket:
                    other.close()
            _serve(socket)
            return
        socket.close()
    for _ in sockets:
        os.wait()


def _serve(socket: Connection) -> None:
    """Run one case after the other, until nobody asks any more."""
    limits.subprocesses._die_with_parent()
    socket.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            call: Call = socket.recv()
            pid = os.fork()
            if pid == 0:
                _become(call, socket)
            socket.send(_watched(pid, call))


def _become(call: Call, socket: Connection) -> None:
    """Run the program with these words; does not return."""
    status = 70
    try:
        os.setsid()
        limits.subprocesses._die_with_parent()
        socket.close()
        os.chdir(call.work)
        os.environ.clear()
        os.environ.update(call.environment)
        for number, path in ((1, call.out), (2, call.err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["slide-mobile", *call.words]
        try:
            program.run()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _watched(pid: int, call: Call) -> Ended:
    """Wait for the end of a process, which is forced after the limit."""
    began, hung, ended_at = time.monotonic(), False, None if call.ending is None else call.ending[1]
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        seconds = time.monotonic() - began
        if done:
            break
        if ended_at is not None and seconds >= ended_at:
            os.kill(pid, call.ending[0])
            ended_at = None
        if seconds > call.most_seconds * slowdown():
            hung = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)
    return Ended(
        status=os.waitstatus_to_exitcode(status), seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime, peak_bytes=used.ru_maxrss * 1024, hung=hung,
        left=_end_group(pid),
    )  # fmt: skip


def _end_group(group: int) -> int:
    """End what is left of a process group, and count it."""
    time.sleep(_LOOK_SECONDS)  # the kernel ends children with their parent
    left = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                left += 1
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return left


if __name__ == "__main__":
    main()
