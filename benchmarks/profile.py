"""Where the time of a .tflite file goes on LiteRT with XNNPACK, operation by operation.

    python -m benchmarks.profile FILE.tflite [--by operation|module] [--depth 3] [--json]

LiteRT's Python package hides the profiler that its library exports, hence ctypes; layouts and
names of options are LiteRT 2.2's (litert/c/). XNNPACK reports each operation that it runs, in the
file's order, in whole microseconds: what takes less is 0. Modules are read from tensor names, at
most --depth names deep; where operations of several were merged, one of them gets the time.
"""

import argparse
import ctypes
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from dataclasses import asdict, dataclass
from pathlib import Path

import ai_edge_litert
import numpy as np
from rich.console import Console
from rich.table import Column, Table

from benchmarks.machine import renounce_tiles
from slide_mobile.errors import SlideMobileError
from slide_mobile_converters.tflite.operations import parse

WARM_UP = 3
BETWEEN = "(between operations)"  # the interpreter's own time, and the clock's rounding
# One name for what a file and XNNPACK call differently; what is not here goes by capitals.
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
    "Invalid Unary Op": "GELU",  # of bytes, by a table
    "Multiply": "MUL",
    "Normalize": "SUM",  # of squares, their product included
    "Reciprocal Square Root": "RSQRT",
    "Square": "MUL",
    "Static Reshape": "RESHAPE",
    "Subtract": "SUB",
}
_ZERO = c_size_t(0)
_CPU = _WRITE = 1
_INTERPRETER, _OPERATION, _XNNPACK_OPERATION = 1, 2, 8  # types of events
_KEEP = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)  # Python destroys what is Python's


@dataclass(frozen=True, kw_only=True)
class OpTime:
    """Time of `count` operations in one inference; sums, and the model itself, have no module."""

    name: str
    module: str = ""
    count: int = 1
    microseconds: float


def profile(path: Path, *, runs: int = 20, threads: int = 1) -> tuple[OpTime, ...]:
    """Each operation that runs, in order, by its median over the runs; BETWEEN is last."""
    names, times = _record(path, runs=runs, threads=threads)
    subgraphs, _ = parse(path.read_bytes())
    owners = aligned([_kind(name) for name in names], [_kind(op.name) for op in subgraphs[0]])
    modules = [module_path(subgraphs[0][owner].outputs[0].name) for owner in owners]
    medians = np.median(times, axis=0).tolist()
    rows = zip((*names, BETWEEN), (*modules, BETWEEN), medians, strict=True)
    return tuple(OpTime(name=n, module=m, microseconds=us) for n, m, us in rows)


def grouped(times: Iterable[OpTime], *, depth: int | None = None) -> tuple[OpTime, ...]:
    """Sums by name, or by the first `depth` names of the module's path; longest first."""
    groups: dict[str, list[OpTime]] = defaultdict(list)
    for time in times:
        module = ".".join(time.module.split(".")[:depth]) or "(model)"
        groups[time.name if depth is None else module].append(time)
    sums = [
        OpTime(name=name, count=len(group), microseconds=sum(t.microseconds for t in group))
        for name, group in groups.items()
    ]
    return tuple(sorted(sums, key=lambda time: -time.microseconds))


def module_path(tensor_name: str) -> str:
    """The path of the torch module, of which litert-torch makes `package.Class_attribute/...`."""
    parts = tensor_name.split(";")[0].split("/")[2:]  # our wrapper and the model come first
    return ".".join(part.rpartition(".")[2].partition("_")[2] for part in parts)


def aligned(events: Sequence[str], ops: Sequence[str]) -> list[int]:
    """For each event the index of its operation, by the longest common subsequence.

    XNNPACK drops, merges and adds operations; an added one belongs to what follows it.
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
    """The C API; what it makes is destroyed when the stack closes."""

    def __init__(self, stack: ExitStack) -> None:
        libraries = map(str, Path(ai_edge_litert.__file__).parent.glob("libLiteRt.*"))
        # Without the library it is Python itself, which has none of its functions.
        self._library, self._stack = ctypes.CDLL(next(libraries, None)), stack

    def call(self, name: str, *arguments: object) -> None:
        function = getattr(self._library, f"LiteRt{name}", None)
        if function is None:
            raise SlideMobileError(f"no profiler: ai-edge-litert has no LiteRt{name}; 2.2 has")
        if status := function(*arguments):
            raise SlideMobileError(f"LiteRt{name} failed with status {status}")

    def get(self, name: str, *arguments: object) -> c_void_p:
        """What the last parameter of a call points to afterwards."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        return made

    def make(self, kind: str, name: str, *arguments: object) -> c_void_p:
        made = self.get(name, *arguments)
        self._stack.callback(getattr(self._library, f"LiteRtDestroy{kind}"), made)
        return made

    def buffer(self, end: str, environment: c_void_p, model: c_void_p, to: c_void_p) -> c_void_p:
        """Memory for the only "Input" or "Output"."""
        signature = self.get("GetModelSignature", model, _ZERO)
        tensor = self.get(f"GetSignature{end}TensorByIndex", signature, _ZERO)
        kind = ctypes.create_string_buffer(72)  # LiteRtRankedTensorType
        self.call("GetRankedTensorType", tensor, kind)
        needs = self.get(f"GetCompiledModel{end}BufferRequirements", to, _ZERO, _ZERO)
        create = "CreateManagedTensorBufferFromRequirements"
        return self.make("TensorBuffer", create, environment, kind, needs)


def _record(path: Path, *, runs: int, threads: int) -> tuple[list[str], list[list[int]]]:
    """Names of the operations that ran, and of each run their times in us, BETWEEN's last."""
    texts = {  # alive until LiteRT has destroyed its options
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
        image = litert.buffer("Input", environment, model, compiled)
        logits = litert.buffer("Output", environment, model, compiled)
        _fill(litert, image)
        run = (compiled, _ZERO, c_size_t(1), byref(image), c_size_t(1), byref(logits))
        times = []
        for _ in range(WARM_UP + runs):
            litert.call("StartProfiler", profiler)
            litert.call("RunCompiledModel", *run)
            litert.call("StopProfiler", profiler)
            names, of_run = _events(litert, profiler)
            times.append(of_run)
    return names, times[WARM_UP:]


def _fill(litert: _LiteRt, image: c_void_p) -> None:
    """Random pixels: on denormals, which memory may happen to hold, arithmetic is slower."""
    size, address = c_size_t(), c_void_p()
    litert.call("GetTensorBufferSize", image, byref(size))
    pixels = np.random.default_rng(0).integers(0, 256, size.value // 4).astype(np.float32)
    litert.call("LockTensorBuffer", image, byref(address), _WRITE)
    ctypes.memmove(address, pixels.ctypes.data, pixels.nbytes)
    litert.call("UnlockTensorBuffer", image)


def _events(litert: _LiteRt, profiler: c_void_p) -> tuple[list[str], list[int]]:
    """Names and times of the operations since the profiler was started, BETWEEN's time last."""
    count = c_int()
    litert.call("GetNumProfilerEvents", profiler, byref(count))
    events = (_Event * count.value)()
    litert.call("GetProfilerEvents", profiler, count, events)
    (whole,) = (e.elapsed_us for e in events if (e.type, e.tag) == (_INTERPRETER, b"Invoke"))
    operations = [e for e in events if e.type in {_OPERATION, _XNNPACK_OPERATION}]
    times = [e.elapsed_us for e in operations]
    return [e.tag.decode() for e in operations], [*times, whole - sum(times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--by", choices=("operation", "module"), default="operation")
    for option, default in (("--depth", 3), ("--runs", 20), ("--threads", 1)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    renounce_tiles()
    try:
        times = profile(asked.file, runs=asked.runs, threads=asked.threads)
    except SlideMobileError as error:
        sys.exit(f"error: {error}")
    rows = grouped(times, depth=asked.depth if asked.by == "module" else None)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    total = sum(row.microseconds for row in rows)
    table = Table(asked.by, *(Column(name, justify="right") for name in ("count", "us", "share")))
    for row in (*rows, OpTime(name="total", count=len(times), microseconds=total)):
        us = row.microseconds
        table.add_row(row.name, str(row.count), f"{us:,.0f}", f"{us / total:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
