"""Time of each operation of a .tflite on LiteRT with XNNPACK, by LiteRT's own profiler.

LiteRT's Python package has no function for the profiler, but its library exports it: hence ctypes.
Layouts and names of options are those of LiteRT 2.2 (litert/c/). XNNPACK reports each operation
that it runs, in the order of the file and in whole microseconds; a shorter one is 0. Modules are
read from tensor names. If operations of several modules were merged, one module gets the time.
"""

import ctypes
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.profiles import BETWEEN, RUNS, NoProfiler, OperationTime
from slide_mobile_converters.tflite.operations import parse
from slide_mobile_converters.tflite.probe import running

WARM_UP = 3
# XNNPACK's names and the file's names for one operation; others differ in capitals only.
_KINDS = {
    "Batch Matrix Multiply": "BATCH_MATMUL",
    "Constant Pad": "PAD",
    "Convert": "QUANTIZE",
    "Convolution": "CONV_2D",
    "Copy": "CONCATENATION",
    "DEPTHWISE_CONV_2D": "CONV_2D",
    "DEQUANTIZE": "QUANTIZE",
    "Divide": "DIV",
    "Fully Connected": "FULLY_CONNECTED",
    "Invalid Unary Op": "GELU",  # in int8, by a table
    "Multiply": "MUL",
    "Normalize": "SUM",  # a sum of squares
    "Reciprocal Square Root": "RSQRT",
    "Square": "MUL",
    "Static Reshape": "RESHAPE",
    "Subtract": "SUB",
}
_ZERO = c_size_t(0)
_CPU = _WRITE = 1
_INTERPRETER, _OPERATION, _XNNPACK_OPERATION = 1, 2, 8  # event types
_KEEP = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)  # frees nothing: Python owns the memory


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Median time of each operation over the runs, in execution order; BETWEEN is last.

    Raises NoProfiler if LiteRT has no profiler, or cannot read the file.
    """
    names, times = _record(path, image, runs=runs, threads=threads)
    subgraphs, _ = parse(path.read_bytes())
    owners = aligned([_kind(name) for name in names], [_kind(op.name) for op in subgraphs[0]])
    modules = [running(subgraphs[0][owner].outputs[0].name) for owner in owners]
    medians = np.median(times, axis=0).tolist()
    rows = zip((*names, BETWEEN), (*modules, BETWEEN), medians, strict=True)
    return tuple(OperationTime(name=n, module=m, microseconds=us) for n, m, us in rows)


def aligned(events: Sequence[str], ops: Sequence[str]) -> list[int]:
    """The index of the operation of each event, by the longest common subsequence.

    XNNPACK drops, merges and adds operations. An added operation gets the index of the next one.
    """
    rest = [[0] * (len(ops) + 1) for _ in range(len(events) + 1)]
    for i in reversed(range(len(events))):
        below, row = rest[i + 1], rest[i]
        for j in reversed(range(len(ops))):
            row[j] = below[j + 1] + 1 if events[i] == ops[j] else max(below[j], row[j + 1])
    owners, j = [], 0
    for i, event in enumerate(events):
        while j < len(ops) and event != ops[j] and rest[i][j + 1] > rest[i + 1][j]:
            j += 1
        owners.append(min(j, len(ops) - 1))
        j += j < len(ops) and event == ops[j]
    return owners


def _kind(name: str) -> str:
    name = name.partition(" (")[0]
    return _KINDS.get(name, name.upper())


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
            raise NoProfiler(
                f"no profiler: this ai-edge-litert has no LiteRt{name}; version 2.2 has it"
            )
        if status := function(*arguments):
            raise NoProfiler(f"no profile: LiteRt{name} failed with status {status}")

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


def _record(
    path: Path, pixels: Pixels, *, runs: int, threads: int
) -> tuple[list[str], list[list[int]]]:
    """Names of the operations, and for each run their times in us with that of BETWEEN last."""
    texts = {  # must outlive LiteRT's options
        b"runtime_options_string": ctypes.create_string_buffer(b"enable_profiling = true\n"),
        b"xnnpack": ctypes.create_string_buffer(b"num_threads = %d\n" % threads),
    }
    errors_only = (ctypes.c_int64 * 3)(25, 2, 3)  # LiteRtEnvOption: log level, a number, error
    with ExitStack() as stack:
        litert = _LiteRt(stack)
        environment = litert.make("Environment", "CreateEnvironment", 1, errors_only)
        model = litert.make("Model", "CreateModelFromFile", environment, str(path).encode())
        options = litert.make("Options", "CreateOptions")
        litert.call("SetOptionsHardwareAccelerators", options, _CPU)
        for name, text in texts.items():
            option = litert.get("CreateOpaqueOptions", name, text, _KEEP)
            litert.call("AddOpaqueOptions", options, option)
        compiled = litert.make("CompiledModel", "CreateCompiledModel", environment, model, options)
        profiler = litert.get("CompiledModelGetProfiler", compiled)
        (image,) = litert.buffers("Input", environment, model, compiled)
        outputs = litert.buffers("Output", environment, model, compiled)
        _fill(litert, image, pixels)
        count = c_size_t(len(outputs))
        given = (c_void_p * len(outputs))(*(output.value for output in outputs))
        run = (compiled, _ZERO, c_size_t(1), byref(image), count, given)
        times = []
        for _ in range(WARM_UP + runs):
            litert.call("StartProfiler", profiler)
            litert.call("RunCompiledModel", *run)
            litert.call("StopProfiler", profiler)
            names, of_run = _events(litert, profiler)
            times.append(of_run)
    return names, times[WARM_UP:]


def _fill(litert: _LiteRt, buffer: c_void_p, image: Pixels) -> None:
    size, address = c_size_t(), c_void_p()
    litert.call("GetTensorBufferSize", buffer, byref(size))
    numbers = image.astype(np.float32)
    if size.value < numbers.nbytes:
        raise NoProfiler(
            f"no profile: the image is larger than the input, which has {size.value} bytes"
        )
    litert.call("LockTensorBuffer", buffer, byref(address), _WRITE)
    ctypes.memmove(address, numbers.ctypes.data, numbers.nbytes)
    litert.call("UnlockTensorBuffer", buffer)


def _events(litert: _LiteRt, profiler: c_void_p) -> tuple[list[str], list[int]]:
    """Names and times of the operations since the profiler started; the time of BETWEEN is last."""
    count = c_int()
    litert.call("GetNumProfilerEvents", profiler, byref(count))
    events = (_Event * count.value)()
    litert.call("GetProfilerEvents", profiler, count, events)
    (whole,) = (e.elapsed_us for e in events if (e.type, e.tag) == (_INTERPRETER, b"Invoke"))
    operations = [e for e in events if e.type in {_OPERATION, _XNNPACK_OPERATION}]
    times = [e.elapsed_us for e in operations]
    return [e.tag.decode() for e in operations], [*times, whole - sum(times)]
