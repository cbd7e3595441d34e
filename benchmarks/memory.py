"""Working memory of the files that `benchmarks.whole --files DIR` built, weights not counted.

    python -m benchmarks.memory --files DIR [--models M ...] [--targets T ...]
        [--out benchmarks/results/memory.json]

Two measures, each in a process of its own for each file:

* arena: bytes that LiteRT's own planner gives to the tensors of a .tflite file, without delegates.
  Tensors that are never alive together share addresses, so it is the union of their ranges.
* touched: bytes that an inference on one thread writes to, as apps run the file: with XNNPACK,
  which keeps its intermediate results in a workspace of its own. The growth of the process does
  not show them: LiteRT's delegate touches its workspace when a file is loaded, and the packed
  weights too. So the inferences run in a fork: pages that it writes become its own, all others
  stay shared.

Linux only: the numbers come from /proc.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
from ai_edge_litert.interpreter import OpResolverType
from msgspec import UNSET, UnsetType
from rich.console import Console

from benchmarks.lib.arguments import parser
from benchmarks.lib.building import drawings
from benchmarks.lib.gates import OURS, verdict
from benchmarks.lib.isolation import alone
from benchmarks.lib.measuring import MODELS, TARGETS, candidates, refusal_of
from benchmarks.lib.results import memory
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.files import Candidate, Refused
from benchmarks.lib.results.memory import Memory, MemoryRow
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.targets import registry
from slide_mobile_converters.tflite import reading
from slide_mobile_converters.tflite.operations import parse

GATE, GOAL = 0.6, 0.35  # of ours over the published graph's
_RESET_PEAK = "5"  # proc(5), clear_refs


def main() -> None:
    """Measure every file that is there, and save."""
    options = _options()
    found = [
        c for c in candidates(options.models, options.targets) if c.path(options.files).exists()
    ]
    if not found:
        sys.exit(
            f"error: {options.files} holds none of these files: "
            "python -m benchmarks.whole --files DIR makes them"
        )
    rows = [measured(candidate, options.files) for candidate in found]
    result = Memory(
        environment=environment(dict.fromkeys(c.target for c in found)),
        rows=to_published([r for r in rows if isinstance(r, MemoryRow)], ours=options.models[0]),
        refused=tuple(r for r in rows if isinstance(r, Refused)),
    )
    save(options.out, result)
    print(memory.table(result))


def _options() -> argparse.Namespace:
    """The options of the command line."""
    arguments = parser(__doc__, out="memory.json")
    arguments.add_argument(
        "--files", type=Path, required=True, help="folder of files that benchmarks.whole built"
    )
    arguments.add_argument(
        "--models", nargs="+", default=MODELS, help="models to measure; the first is ours"
    )
    arguments.add_argument("--targets", nargs="+", default=TARGETS)
    return arguments.parse_args()


def measured(candidate: Candidate, folder: Path) -> MemoryRow | Refused:
    """Both measures of a file (the arena is LiteRT's alone), or why there is none."""
    Console(stderr=True).print(candidate.name, highlight=False)
    path = candidate.path(folder)
    writes = alone(touched, candidate, path)
    planned = alone(arena, path) if candidate.target == "tflite" else None
    for done in (writes, planned):
        if done is not None and (error := done.exception()) is not None:
            return refusal_of(candidate, error)
    return MemoryRow(
        **msgspec.structs.asdict(candidate),
        touched_bytes=writes.result(),
        arena_bytes=UNSET if planned is None else planned.result(),
    )


def arena(path: Path) -> int:
    """Bytes that a .tflite file's tensors need, and the scratch of LiteRT's own kernels."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = reading.load(path, experimental_op_resolver_type=resolver)
    _, tensors = parse(path.read_bytes())
    ranges = []
    for detail in interpreter.get_tensor_details():
        index = detail["index"]
        # The scratch of the kernels comes after the tensors of the file.
        if index < len(tensors) and tensors[index].constant:
            continue
        try:
            view = interpreter.tensor(index)()
        except ValueError:  # nothing is there yet: it is allocated when the kernel runs
            continue
        start = view.__array_interface__["data"][0]
        ranges.append((start, start + view.nbytes))
    return union(ranges)


def union(ranges: Iterable[tuple[int, int]]) -> int:
    """How many addresses lie in at least one of the ranges (first, behind the last)."""
    total, reached = 0, 0
    for first, end in sorted(ranges):
        total += max(0, end - max(first, reached))
        reached = max(reached, end)
    return total


def touched(candidate: Candidate, path: Path) -> int:
    """Bytes that the second and third inference write to; the first sets things up."""
    runner = registry.load(candidate.target).runner(path, threads=1)
    (image,) = drawings(GOLDEN_SEED, 1, candidate.size)
    runner(image)
    return forked(lambda: (runner(image), runner(image)))


def forked(work: Callable[[], object]) -> int:
    """Bytes of the memory that `work` writes to in a fork of this process.

    The peak counts too where it exceeds what is left at the end: that memory was written to and
    given back. Raises EOFError if the fork dies.
    """
    context = get_context("fork")
    received, sent = context.Pipe(duplex=False)
    fork = context.Process(target=_write, args=(work, sent))
    fork.start()
    sent.close()
    written: int = received.recv()
    fork.join()
    return written


def _write(work: Callable[[], object], to: Connection) -> None:
    """Do the work in a fork, and send how many bytes it wrote to."""
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    before = _kilobytes("smaps_rollup", "Private_Dirty")
    work()
    kept = _kilobytes("smaps_rollup", "Private_Dirty") - before
    given_back = _kilobytes("status", "VmHWM") - _kilobytes("status", "VmRSS")
    to.send(1024 * (kept + max(0, given_back)))


def _kilobytes(file: str, name: str) -> int:
    """A number from a file in /proc/self."""
    lines = Path("/proc/self", file).read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1])


def to_published(rows: Sequence[MemoryRow], *, ours: str = OURS) -> tuple[MemoryRow, ...]:
    """The rows with their ratios to the published graph, and the verdict on our deploy form."""
    published = {(r.model, r.target, r.precision): r for r in rows if r.form == "published"}
    return tuple(
        _judged(row, published.get((row.model, row.target, row.precision)), ours) for row in rows
    )


def _judged(row: MemoryRow, base: MemoryRow | None, ours: str) -> MemoryRow:
    """A row with its ratios to the published graph, and a verdict if it is ours."""
    if base is None:
        return row
    arena_ratio = _ratio(row.arena_bytes, base.arena_bytes)
    touched_ratio = _ratio(row.touched_bytes, base.touched_bytes)
    found = [ratio for ratio in (arena_ratio, touched_ratio) if ratio is not UNSET]
    is_ours = (row.model, row.form) == (ours, "deploy")
    return msgspec.structs.replace(
        row,
        arena_to_published=arena_ratio,
        touched_to_published=touched_ratio,
        verdict=verdict(max(found), GATE, GOAL) if is_ours and found else UNSET,
    )


def _ratio(own: int | UnsetType, base: int | UnsetType) -> float | UnsetType:
    """One size over another, if both were measured."""
    return round(own / base, 3) if own and base else UNSET


if __name__ == "__main__":
    main()
