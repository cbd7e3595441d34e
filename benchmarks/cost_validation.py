"""The estimate of `lab cost` against real time, on the one core that can be timed: this machine's.

    slide-mobile lab setup cost
    python -m benchmarks.cost_validation [--models M ...] [--runs 100] [--files DIR]
        [--out benchmarks/results/cost_validation.json]

The same plug-in counts what the same files execute on an x86 CPU in QEMU, and the same code makes
cycles of it, by LLVM's model of Zen 4. Then the files run here, on a processor that shows LiteRT no
AVX-512, because QEMU has none: both run the same kernels. One factor makes times of cycles. Needs
Linux on x86-64, gcc and binutils; a Zen 5 or Zen 4, or the model says little.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.lib import file_cost
from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.building import drawings
from benchmarks.lib.file_cost import OperationEstimate
from benchmarks.lib.isolation import alone
from benchmarks.lib.measuring import PRECISIONS, build_all
from benchmarks.lib.operation_times import Fastest, fastest_limited
from benchmarks.lib.results import cost_validation as results
from benchmarks.lib.results.cost_validation import CostValidation, FileRow, OperationRow
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.files import Candidate, ModelFile
from benchmarks.lib.x86_cost import VARIABLES, X86
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.lab.cost import emulation, estimate, llvm

MODELS = (
    *(f"slide_{family}_test" for family in ("swin", "pvt", "pvt_v2", "cswin", "nat")),
    *("slide_swin_tiny", "swin_tiny"),
)
SIZE = (224, 224)
SHORTEST_US = 20  # the profiler's clock counts whole microseconds


def main() -> None:
    """Build, estimate, time, compare and save."""
    arguments = parser(__doc__, out="cost_validation.json", runs=100)
    arguments.add_argument("--models", nargs="+", default=MODELS)
    add_files(arguments)
    options = arguments.parse_args()
    estimate.require_ready()
    os.environ |= VARIABLES  # for both sides, which are other processes
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch)
        found = build_all(candidates(options.models), folder)
        files = [file for file in found if isinstance(file, ModelFile)]
        rows = compared(files, folder, options.runs)
    result = CostValidation(
        environment=environment(["tflite"], runs=options.runs),
        executed_by=emulation.executor(),
        simulated_by=llvm.simulator(X86.scheduled),
        shortest_us=SHORTEST_US,
        files=rows,
    )
    save(options.out, result)
    print(results.table(result))


def compared(files: Sequence[Candidate], folder: Path, runs: int) -> tuple[FileRow, ...]:
    """Both sides of each file: estimates one by one, then all files in turn on the clock."""
    paths = [file.path(folder) for file in files]
    estimates = []
    for number, path in enumerate(paths, 1):
        Console(stderr=True).print(f"estimate {number}/{len(paths)} {path.name}", highlight=False)
        estimates.append(file_cost.estimated(X86, path, image()).operations)
    timed = alone(fastest_limited, paths, [image()] * len(paths), runs).result()
    return tuple(map(row, files, estimates, timed))


def row(file: Candidate, estimates: Sequence[OperationEstimate], timed: Fastest) -> FileRow:
    """A file with both sides; raises ValueError if they did not run the same operations."""
    if tuple(each.name for each in estimates) != timed.names:
        raise ValueError(f"{file.name}: QEMU and this machine ran different operations")
    rows = (
        OperationRow(**msgspec.structs.asdict(each), microseconds=microseconds)
        for each, microseconds in zip(estimates, timed.operations, strict=True)
        if microseconds >= SHORTEST_US
    )
    return FileRow(
        **{name: getattr(file, name) for name in Candidate.__struct_fields__},
        compute_cycles=sum(each.compute_cycles for each in estimates),
        memory_cycles=sum(each.memory_cycles for each in estimates),
        microseconds=timed.whole,
        operations=tuple(rows),
    )


def image() -> NDArray[np.float32]:
    """What every file computes on."""
    return drawings(GOLDEN_SEED, 1, SIZE).astype(np.float32)


def candidates(names: Sequence[str]) -> list[Candidate]:
    """What `convert` ships of each model, in fp32 and int8."""
    return [
        Candidate(model=model, form="deploy", target="tflite", precision=precision, size=SIZE)
        for model in names
        for precision in PRECISIONS
    ]


if __name__ == "__main__":
    main()
