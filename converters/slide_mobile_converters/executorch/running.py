"""Run a .pte with ExecuTorch's runtime.

Its Python interface has no word for threads. A delegate keeps the pool that it finds when it is
loaded; there is one for all, a thread a core, which cannot be resized under a delegate that has it
(`ThreadPool::_unsafe_reset_threadpool`). But a thread can be told that there is none
(`NoThreadPoolGuard`, extension/threadpool of 1.4), and then the delegate computes in its caller's.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from executorch.exir._serialize._program import PTEFile
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import Tensor
from executorch.extension.pybindings import _portable_lib
from executorch.runtime import Runtime

from slide_mobile.errors import UsageError
from slide_mobile.preprocess import Pixels, planar
from slide_mobile_converters.executorch import payload

_GUARD = "_ZN10executorch9extension10threadpool17NoThreadPoolGuard11set_enabledEb"


class Loaded:
    """The `forward` of a .pte, ready to run; raises UsageError for `threads` not 1 or all.

    Takes the file's bytes, because a mapped file that is overwritten kills the process. `path` is
    for the message: raises ArtifactError where the runtime refuses the file.
    """

    def __init__(self, content: bytes, path: Path, *, threads: int | None = None) -> None:
        with _pool_for(threads), payload.artifact_errors(path):
            # Held, because it owns the weights: a method alone reads memory that was freed.
            self._program = Runtime.get().load_program(content)
            self._method = self._program.load_method(payload.FORWARD)
        self._path = path

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Every output for one input; raises ArtifactError where the runtime gives up."""
        with payload.artifact_errors(self._path):
            return list(self._method.execute([image]))


@contextlib.contextmanager
def _pool_for(threads: int | None) -> Iterator[None]:
    """Let what is loaded inside find a thread pool of this size, or none for one thread."""
    cores = os.cpu_count() or 1
    if threads not in {None, 1, cores}:
        raise UsageError(
            f"ExecuTorch computes on 1 thread or on all {cores} here, not on {threads}: "
            f"give 1 or {cores}"
        )
    without = ctypes.CDLL(_portable_lib.__file__)[_GUARD]
    without.argtypes, without.restype = (ctypes.c_bool,), None
    without(threads == 1)
    try:
        yield
    finally:
        without(False)


def tensor(file: PTEFile, image: Pixels) -> torch.Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) of the type that the method takes."""
    plan = payload.method(file)
    declared = plan.values[plan.inputs[0]].val
    assert isinstance(declared, Tensor)
    dtype = torch.float16 if declared.scalar_type == ScalarType.HALF else torch.float32
    return torch.from_numpy(planar(image)).to(dtype)
