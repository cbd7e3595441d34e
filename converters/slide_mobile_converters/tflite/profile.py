"""Time of each operation of a .tflite on LiteRT with XNNPACK, by LiteRT's own profiler.

Modules are read from tensor names. If operations of several modules were merged, one module gets
the time.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from slide_mobile.preprocess import Pixels
from slide_mobile.targets.profiles import BETWEEN, RUNS, NoProfiler, OperationTime
from slide_mobile_converters.tflite import litert_profiler
from slide_mobile_converters.tflite.litert_profiler import Inference, Profiler, ProfilerMissing
from slide_mobile_converters.tflite.operations import parse
from slide_mobile_converters.tflite.probe import running

PROFILER = Path(litert_profiler.__file__)
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


def profile(
    path: Path, image: Pixels, *, runs: int = RUNS, threads: int = 1
) -> tuple[OperationTime, ...]:
    """Median time of each operation over the runs, in execution order; BETWEEN is last.

    Raises NoProfiler if LiteRT has no profiler, or cannot read the file.
    """
    inferences = _record(path, image, runs=runs, threads=threads)
    names = [event.name for event in inferences[0].events]
    times = [_with_between(inference) for inference in inferences]
    owners = (*modules(path, names), BETWEEN)
    medians = np.median(times, axis=0).tolist()
    rows = zip((*names, BETWEEN), owners, medians, strict=True)
    return tuple(OperationTime(name=n, module=m, microseconds=us) for n, m, us in rows)


def modules(path: Path, names: Sequence[str]) -> list[str]:
    """The module of each operation that the profiler named, in execution order."""
    subgraphs, _ = parse(path.read_bytes())
    owners = aligned([_kind(name) for name in names], [_kind(op.name) for op in subgraphs[0]])
    return [running(subgraphs[0][owner].outputs[0].name) for owner in owners]


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


def _record(path: Path, image: Pixels, *, runs: int, threads: int) -> list[Inference]:
    with ExitStack() as stack:
        try:
            profiler = Profiler(path, stack, threads=threads)
            profiler.fill(image.astype(np.float32))
            inferences = []
            for _ in range(WARM_UP + runs):
                profiler.run()
                inferences.append(profiler.inference())
        except ProfilerMissing as error:
            raise NoProfiler(str(error)) from error
    return inferences[WARM_UP:]


def _with_between(inference: Inference) -> list[int]:
    """Times of the operations, and that of BETWEEN."""
    times = [event.microseconds for event in inference.events]
    return [*times, inference.microseconds - sum(times)]
