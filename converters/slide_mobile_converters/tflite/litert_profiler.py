"""LiteRT's own profiler, called in its C library: times of the operations of one inference.

LiteRT's Python package has no function for the profiler, but its library exports it: hence ctypes.
Layouts and names of options are those of LiteRT 2.2 (litert/c/). XNNPACK reports each operation
that it runs, in the order of the file and in whole microseconds; a shorter one is 0.

This file imports nothing of this project, because it is also a program for other Pythons:

    python litert_profiler.py MODEL INPUT.npy

runs two inferences of one thread and prints a line of JSON: [[name, microseconds], ...] of the
second. It calls sched_yield(2) before the first one, between them, and after the second one, for
whoever watches its system calls.
"""

import ctypes
import json
import os
import sys
from contextlib import ExitStack
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import ai_edge_litert
import numpy as np
from numpy.typing import NDArray

_ZERO = c_size_t(0)
_CPU = _WRITE = 1
_INTERPRETER, _OPERATION, _XNNPACK_OPERATION = 1, 2, 8  # event types
_KEEP = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)  # frees nothing: Python owns the memory


class ProfilerMissing(Exception):
    """LiteRT has no profiler, or cannot run the file."""


class Event(NamedTuple):
    """An operation, and how long it took."""

    name: str
    microseconds: int


class Inference(NamedTuple):
    """The operations of an inference in execution order, and its whole time in microseconds."""

    events: tuple[Event, ...]
    microseconds: int


class _Event(ctypes.Structure):
    """ProfiledEventData."""

    _fields_ = (
        ("tag", c_char_p),
        ("type", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("rest", c_uint64 * 9),
    )


class _LiteRt:
    """LiteRT's C API; objects that it makes are destroyed when the stack closes."""

    def __init__(self, stack: ExitStack) -> None:
        libraries = map(str, Path(ai_edge_litert.__file__).parent.glob("libLiteRt.*"))
        # CDLL(None) is Python itself, which has none of these functions.
        self._library, self._stack = ctypes.CDLL(next(libraries, None)), stack

    def call(self, name: str, *arguments: object) -> None:
        function = getattr(self._library, f"LiteRt{name}", None)
        if function is None:
            raise ProfilerMissing(
                f"no profiler: this ai-edge-litert has no LiteRt{name}; version 2.2 has it"
            )
        if status := function(*arguments):
            raise ProfilerMissing(f"no profile: LiteRt{name} failed with status {status}")

    def get(self, name: str, *arguments: object) -> c_void_p:
        """The object that a call writes to its last parameter."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        return made

    def make(self, kind: str, name: str, *arguments: object) -> c_void_p:
        made = self.get(name, *arguments)
        self._stack.callback(getattr(self._library, f"LiteRtDestroy{kind}"), made)
        return made

    def buffers(self, end: str, environment: c_void_p, model: c_void_p, to: c_void_p) -> list[Any]:
        """A buffer for each "Input" or "Output"."""
        signature, count = self.get("GetModelSignature", model, _ZERO), c_size_t()
        self.call(f"GetNumSignature{end}s", signature, byref(count))
        create, made = "CreateManagedTensorBufferFromRequirements", []
        for index in map(c_size_t, range(count.value)):
            tensor = self.get(f"GetSignature{end}TensorByIndex", signature, index)
            kind = ctypes.create_string_buffer(72)  # LiteRtRankedTensorType
            self.call("GetRankedTensorType", tensor, kind)
            needs = self.get(f"GetCompiledModel{end}BufferRequirements", to, _ZERO, index)
            made.append(self.make("TensorBuffer", create, environment, kind, needs))
        return made


class Profiler:
    """A loaded .tflite on the CPU with XNNPACK, whose operations are timed; it has one input.

    Close the stack to free it. Raises ProfilerMissing.
    """

    def __init__(self, path: Path, stack: ExitStack, *, threads: int) -> None:
        self._texts = {  # must outlive LiteRT's options
            b"runtime_options_string": ctypes.create_string_buffer(b"enable_profiling = true\n"),
            b"xnnpack": ctypes.create_string_buffer(b"num_threads = %d\n" % threads),
        }
        errors_only = (ctypes.c_int64 * 3)(25, 2, 3)  # LiteRtEnvOption: log level, a number, error
        self._litert = litert = _LiteRt(stack)
        environment = litert.make("Environment", "CreateEnvironment", 1, errors_only)
        model = litert.make("Model", "CreateModelFromFile", environment, str(path).encode())
        options = litert.make("Options", "CreateOptions")
        litert.call("SetOptionsHardwareAccelerators", options, _CPU)
        for name, text in self._texts.items():
            option = litert.get("CreateOpaqueOptions", name, text, _KEEP)
            litert.call("AddOpaqueOptions", options, option)
        compiled = litert.make("CompiledModel", "CreateCompiledModel", environment, model, options)
        self._profiler = litert.get("CompiledModelGetProfiler", compiled)
        (self._input,) = litert.buffers("Input", environment, model, compiled)
        outputs = litert.buffers("Output", environment, model, compiled)
        given = (c_void_p * len(outputs))(*(output.value for output in outputs))
        one, many = c_size_t(1), c_size_t(len(outputs))
        self._run = (compiled, _ZERO, one, byref(self._input), many, given)

    def fill(self, values: NDArray[np.float32]) -> None:
        """Set the input."""
        litert, size, address = self._litert, c_size_t(), c_void_p()
        litert.call("GetTensorBufferSize", self._input, byref(size))
        if size.value < values.nbytes:
            raise ProfilerMissing(
                f"no profile: the image is larger than the input, which has {size.value} bytes"
            )
        litert.call("LockTensorBuffer", self._input, byref(address), _WRITE)
        ctypes.memmove(address, np.ascontiguousarray(values).ctypes.data, values.nbytes)
        litert.call("UnlockTensorBuffer", self._input)

    def run(self) -> None:
        """Run one inference."""
        self._litert.call("StartProfiler", self._profiler)
        self._litert.call("RunCompiledModel", *self._run)
        self._litert.call("StopProfiler", self._profiler)

    def inference(self) -> Inference:
        """Times of the last inference."""
        count = c_int()
        self._litert.call("GetNumProfilerEvents", self._profiler, byref(count))
        events = (_Event * count.value)()
        self._litert.call("GetProfilerEvents", self._profiler, count, events)
        (whole,) = (e.elapsed_us for e in events if (e.type, e.tag) == (_INTERPRETER, b"Invoke"))
        operations = (e for e in events if e.type in {_OPERATION, _XNNPACK_OPERATION})
        return Inference(tuple(Event(e.tag.decode(), e.elapsed_us) for e in operations), whole)


def main(model: str, values: str) -> None:
    """Run the program that the module's docstring describes."""
    with ExitStack() as stack:
        profiler = Profiler(Path(model), stack, threads=1)
        profiler.fill(np.load(values).astype(np.float32))
        os.sched_yield()
        profiler.run()
        os.sched_yield()
        profiler.run()
        os.sched_yield()
        print(json.dumps(profiler.inference().events))


if __name__ == "__main__":
    main(*sys.argv[1:])
