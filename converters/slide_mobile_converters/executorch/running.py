"""Run a .pte with ExecuTorch's runtime; elsewhere than on a Mac, Core ML's delegate is evaluated.

The Python runtime has no option for threads. There is one thread pool for the process, with a
thread a core, and a delegate keeps the pool that it finds when it is loaded. The pool cannot be
resized while a delegate has it (`ThreadPool::_unsafe_reset_threadpool`). But it can be hidden while
a delegate is loaded (`NoThreadPoolGuard`, extension/threadpool of 1.4); then the delegate computes
in the thread that calls it.
"""

import contextlib
import ctypes
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from executorch.exir._serialize._program import PTEFile
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import Tensor
from executorch.extension.pybindings import _portable_lib
from executorch.runtime import Runtime
from numpy.typing import NDArray

from slide_mobile.errors import UsageError
from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.converter import RawOutputs, Runner
from slide_mobile.targets.registry import needs_toolchain
from slide_mobile.tasks import LOGITS, Layout
from slide_mobile_converters.executorch import metadata, reading

_LAYOUT: Layout = "NCHW"
_GUARD = "_ZN10executorch9extension10threadpool17NoThreadPoolGuard11set_enabledEb"
_COMPUTED_BY = {reading.XNNPACK: "XNNPACK", reading.COREML: "Core ML", None: "portable kernels"}

Compute = Callable[[torch.Tensor], Sequence[torch.Tensor | NDArray[np.generic]]]


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """ExecuTorch's runtime; off a Mac, mil_evaluator for Core ML's delegate.

    Raises ArtifactError, and UsageError for `threads` that are neither 1 nor one a core.
    """
    file = reading.read(path)
    delegate = reading.first_delegate(file)
    evaluated = delegate == reading.COREML and platform.system() != "Darwin"
    if evaluated:
        compute, runtime = _evaluated(file, path)
    else:
        compute = Loaded(path.read_bytes(), path, threads=threads)
        arithmetic = " in fp16" if takes_half(file) else ""
        computed_by = f"{_COMPUTED_BY.get(delegate, delegate)}{arithmetic}"
        runtime = f"ExecuTorch {metadata.RELEASE}, {computed_by}"
    names = reading.constants(file).get(metadata.OUTPUTS, (LOGITS,))

    def run(image: Pixels) -> RawOutputs:
        with reading.artifact_errors(path):
            found = compute(tensor(file, image))
            if len(found) != len(names):
                raise ValueError(f"it has {len(found)} outputs instead of {', '.join(names)}")
            return {name: np.asarray(x) for name, x in zip(names, found, strict=True)}

    def bind(image: Pixels) -> Callable[[], object]:
        return partial(compute, tensor(file, image))

    return Runner(call=run, runtime=runtime, layout=_LAYOUT, bind=None if evaluated else bind)


def _evaluated(file: PTEFile, path: Path) -> tuple[Compute, str]:
    with needs_toolchain("executorch"):
        from slide_mobile_converters.executorch import coreml_delegate
    with reading.artifact_errors(path):
        return partial(coreml_delegate.outputs, coreml_delegate.mil(file)), (
            coreml_delegate.EVALUATED
        )


class Loaded:
    """The `forward` method of a .pte, ready to run; raises UsageError, ArtifactError.

    It takes the bytes of the file, because a mapped file that is overwritten kills the process.
    `path` is for messages only. `threads` is 1, or the number of cores.
    """

    def __init__(self, content: bytes, path: Path, *, threads: int | None = None) -> None:
        with _thread_pool(threads), reading.artifact_errors(path):
            # The program owns the weights: without this reference the method reads freed memory.
            self._program = Runtime.get().load_program(content)
            self._method = self._program.load_method(reading.FORWARD)
        self._path = path

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """All outputs for one input; raises ArtifactError if the runtime fails."""
        with reading.artifact_errors(self._path):
            return list(self._method.execute([image]))


@contextlib.contextmanager
def _thread_pool(threads: int | None) -> Iterator[None]:
    """Hide the thread pool from delegates that are loaded inside the block, for one thread."""
    cores = os.cpu_count() or 1
    if threads not in {None, 1, cores}:
        raise UsageError(
            f"ExecuTorch computes on 1 thread or on all {cores} here, not on {threads}: "
            f"give 1 or {cores}"
        )
    hide = ctypes.CDLL(_portable_lib.__file__)[_GUARD]
    hide.argtypes, hide.restype = (ctypes.c_bool,), None
    hide(threads == 1)
    try:
        yield
    finally:
        hide(False)


def tensor(file: PTEFile, image: Pixels) -> torch.Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) in the element type of the method's input."""
    return torch.from_numpy(planar(image)).to(torch.float16 if takes_half(file) else torch.float32)


def takes_half(file: PTEFile) -> bool:
    """Whether the method's input is fp16, and with it the whole program."""
    plan = reading.method(file)
    declared = plan.values[plan.inputs[0]].val
    assert isinstance(declared, Tensor)
    return declared.scalar_type == ScalarType.HALF
