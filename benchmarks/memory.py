"""Working memory of the files that `benchmarks.whole --files DIR` built, weights not counted.

    python -m benchmarks.memory --files DIR [--models M ...] [--targets T ...]
        [--out benchmarks/results/memory.json]

Two measures, each in a process of its own for each file:

* arena: bytes that LiteRT's own planner gives to the tensors of a .tflite file, without delegates.
  Tensors that are never alive together share addresses, so it is the union of their ranges.
* touched: bytes that an inference on one thread writes to, as apps run the file: with XNNPACK,
  which keeps its intermediate results in a workspace of its own. How the process grows does not
  show them (LiteRT's delegate has touched its workspace when a file is loaded, and the packed
  weights too), so the inferences run in a fork of the process: pages that it writes become its own,
  and all others stay shared.

Linux only: the numbers are those of /proc.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from ai_edge_litert.interpreter import OpResolverType
from rich.console import Console
from rich.table import Table

from benchmarks.gates import OURS, Row, verdict
from benchmarks.whole import (
    MODELS,
    TARGETS,
    Candidate,
    alone,
    candidates,
    drawings,
    environment,
    save,
    told,
)
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.targets import registry
from slide_mobile_converters.tflite import graph
from slide_mobile_converters.tflite.operations import parse

GATE, GOAL = 0.6, 0.35  # ours to the published graph
MEASURES = ("arena_bytes", "touched_bytes")
_RESET_PEAK = "5"  # proc(5), clear_refs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=Path, required=True, help="what whole.py has built")
    parser.add_argument("--models", nargs="+", default=MODELS, help="the first is ours")
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.json"))
    options = parser.parse_args()
    found = [
        c for c in candidates(options.models, options.targets) if c.path(options.files).exists()
    ]
    if not found:
        sys.exit(
            f"error: {options.files} holds no files; python -m benchmarks.whole --files makes them"
        )
    rows = [measured(candidate, options.files) for candidate in found]
    rows = to_published(rows, ours=options.models[0])
    used = dict.fromkeys(candidate.target for candidate in found)
    save(options.out, environment=environment(used), rows=rows)
    Console(width=140).print(_table(rows))


def measured(candidate: Candidate, folder: Path) -> Row:
    """Both measures of a file (the arena is LiteRT's alone), or why there is none."""
    path, row = candidate.path(folder), asdict(candidate)
    Console(stderr=True).print(candidate.name, highlight=False)
    work: list[tuple[Callable[..., Row], tuple[object, ...]]] = [(touched, (candidate, path))]
    if candidate.target == "tflite":
        work.append((arena, (path,)))
    for function, arguments in work:
        done = alone(function, *arguments)
        error = done.exception()
        row |= done.result() if error is None else {"error": told(error)}
    return row


def arena(path: Path) -> Row:
    """`arena_bytes` of a .tflite file: its tensors, and the scratch of LiteRT's own kernels."""
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = graph.load(path, experimental_op_resolver_type=resolver)
    _, tensors = parse(path.read_bytes())
    ranges = []
    for detail in interpreter.get_tensor_details():
        index = detail["index"]
        # Kernels' scratch comes after the file's tensors.
        if index < len(tensors) and tensors[index].constant:
            continue
        try:
            view = interpreter.tensor(index)()
        except ValueError:  # nothing at this address: it is allocated when the kernel runs
            continue
        start = view.__array_interface__["data"][0]
        ranges.append((start, start + view.nbytes))
    return {"arena_bytes": union(ranges)}


def union(ranges: Iterable[tuple[int, int]]) -> int:
    """How many addresses lie in at least one of the ranges (first, behind the last)."""
    total, reached = 0, 0
    for first, end in sorted(ranges):
        total += max(0, end - max(first, reached))
        reached = max(reached, end)
    return total


def touched(candidate: Candidate, path: Path) -> Row:
    """`touched_bytes` of the second and third inference; the first is there to set things up."""
    runner = registry.load(candidate.target).runner(path, threads=1)
    (image,) = drawings(GOLDEN_SEED, 1, candidate.size)
    runner(image)
    return {"touched_bytes": forked(lambda: (runner(image), runner(image)))}


def forked(work: Callable[[], object]) -> int:
    """Bytes of the memory that `work` writes to in a fork of this process.

    The highest resident size counts too, where it is above what is left at the end: that was
    written to and given back. Raises EOFError if the fork dies.
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
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    before = _kilobytes("smaps_rollup", "Private_Dirty")
    work()
    kept = _kilobytes("smaps_rollup", "Private_Dirty") - before
    given_back = _kilobytes("status", "VmHWM") - _kilobytes("status", "VmRSS")
    to.send(1024 * (kept + max(0, given_back)))


def _kilobytes(file: str, name: str) -> int:
    lines = Path("/proc/self", file).read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1])


def to_published(rows: Iterable[Row], *, ours: str = OURS) -> list[Row]:
    """The rows, with ratios to the same model's published graph, and the verdict on ours."""
    rows = list(rows)
    key = ("model", "target", "precision")
    published = {tuple(r[k] for k in key): r for r in rows if r["form"] == "published"}
    found = []
    for row in rows:
        base = published.get(tuple(row[k] for k in key), {})
        ratios = {
            measure.replace("bytes", "to_published"): round(row[measure] / base[measure], 3)
            for measure in MEASURES
            if row.get(measure) and base.get(measure)
        }
        if (row["model"], row["form"]) == (ours, "deploy") and ratios:
            ratios["verdict"] = verdict(max(ratios.values()), GATE, GOAL)
        found.append(row | ratios)
    return found


def _table(rows: Iterable[Row]) -> Table:
    table = Table("target", "model", "form", "precision")
    for header in ("arena MB", "/ published", "touched MB", "/ published", "verdict"):
        table.add_column(header, justify="right")
    for r in rows:
        sizes = {k: f"{r[k] / 1e6:.2f}" if k in r else "" for k in MEASURES}
        ratios = [str(r.get(f"{name}_to_published", "")) for name in ("arena", "touched")]
        table.add_row(
            r["target"], r["model"], r["form"], r["precision"],
            sizes["arena_bytes"], ratios[0], sizes["touched_bytes"], ratios[1],
            r.get("error", r.get("verdict", "")),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
