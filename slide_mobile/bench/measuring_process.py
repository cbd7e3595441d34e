"""One process of a measurement: it loads artifacts and times them in turn.

    python -m slide_mobile.bench.measuring_process DESCRIPTOR < request.json

bench.py starts it, several times, and reads a JSON object a line from the descriptor. The first
artifact finds the process fresh: its load time, its first inference and its memory count.
Toolchains print what they like on both streams, hence a descriptor of its own.
"""

import contextlib
import gc
import importlib.metadata
import json
import os
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import host
from slide_mobile.errors import SlideMobileError
from slide_mobile.targets import registry

# Of a fast one in the turn of a slow one, at most: in 50 turns each gets its seconds.
MAX_BURST = 50

Call = Callable[[], object]


def main(descriptor: int, request: Mapping[str, Any]) -> None:
    """Measure what the request names, and tell it line by line."""
    with contextlib.suppress(OSError):  # told below: then the numbers are of another machine
        host.renounce_tiles()
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        tell(out, tiles=host.tiles())
        if "profile" in request:
            profile(out, Path(request["profile"]), threads=request["threads"])
            return
        calls: dict[int, Call] = {}
        bursts: dict[int, float] = {}
        for place, (number, root) in enumerate(request["artifacts"]):
            tell(out, at=number, stage="load")
            try:
                found, call = loaded(Path(root), request, fresh=place == 0)
            except SlideMobileError as error:
                tell(out, failed=number, error=str(error), exit_code=error.exit_code)
                continue
            tell(out, loaded=number, **found)
            if call is not None:
                calls[number], bursts[number] = call, found["warm_ms"]
        tell(out, at=None, stage="measure")
        if calls:
            slowest = max(bursts.values())
            sizes = {n: int(min(MAX_BURST, max(1, slowest / ms))) for n, ms in bursts.items()}
            tell(out, **timed(calls, sizes, request))


def profile(out: TextIO, root: Path, *, threads: int) -> None:
    """Tell where the time of an artifact goes, or why its runtime does not say."""
    artifact = Artifact.open(root)
    manifest = artifact.manifest
    image = golden.image(artifact, manifest.golden[0])
    try:
        converter = registry.load(manifest.target)
        times = converter.profile(artifact.model_path, image, threads=threads)
    except SlideMobileError as error:
        tell(out, operations=None, why_no_operations=str(error))
        return
    names = module_names(manifest.model.name)
    operations = [
        {"name": t.name, "module": named(t.module, names), "microseconds": t.microseconds}
        for t in times
    ]
    tell(out, operations=operations, why_no_operations=None)


def module_names(model: str) -> dict[str, str]:
    """Paths of a model's modules by what a file may call them; none of an unknown model."""
    from torch import nn

    from slide_mobile import models
    from slide_mobile.models.meta import MetaInit
    from slide_mobile.parity import layerwise

    try:
        with MetaInit():
            reference = models.create(model)
    except SlideMobileError:
        return {}
    return {
        layerwise.traced(reference, path): path
        for path, module in reference.named_modules()
        if path and not isinstance(module, nn.ModuleList)
    }


def named(module: str, names: Mapping[str, str]) -> str:
    """The module's path in PyTorch, of what a rewrite put into one the path of that one."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if (path := names.get(".".join(parts[:end]))) is not None:
            return ".".join([path, *parts[end:]])
    return module


def tell(out: TextIO, **message: Any) -> None:
    """A line to bench.py, at once: a crash must not take it along."""
    out.write(json.dumps(message) + "\n")
    out.flush()


def loaded(
    root: Path, request: Mapping[str, Any], *, fresh: bool
) -> tuple[dict[str, Any], Call | None]:
    """Load an artifact and warm it up; without a call where nothing here runs it."""
    artifact = Artifact.open(root)
    converter = registry.load(artifact.manifest.target)  # imports its toolchain: not counted
    image = golden.image(artifact, artifact.manifest.golden[0])
    before = host.resident_bytes()
    started = time.perf_counter_ns()
    runner = converter.runner(artifact.model_path, threads=request["threads"])
    load_ms = _since(started)
    name, distribution = converter.RUNTIME
    found: dict[str, Any] = {
        "runtime": runner.runtime,
        "suite": (name, importlib.metadata.version(distribution)),
        "fresh": fresh,
        "load_ms": load_ms,
    }
    if runner.bind is None:
        return found, None
    started = time.perf_counter_ns()
    runner.call(image)
    first_ms = _since(started)
    call = runner.bind(image)
    warm = _burst(call, request["warmup"])
    after = host.resident_bytes()
    found |= {"first_ms": first_ms, "warm_ms": min([first_ms, *warm])}
    if fresh and before is not None and after is not None:
        found |= {"base_rss_bytes": before[0], "peak_rss_bytes": after[1]}
    return found, call


def timed(
    calls: Mapping[int, Call], bursts: Mapping[int, int], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Time the calls in turn, in a new order each turn, until each has its runs and seconds.

    A call that is much faster than the slowest is run several times in its turn.
    """
    order, shuffled = list(calls), random.Random(request["seed"])
    taken: dict[int, list[list[float]]] = {number: [] for number in order}
    spent = dict.fromkeys(order, 0.0)
    gc.collect()
    gc.disable()
    before, cpu, started = host.activity(), time.process_time(), time.perf_counter()
    turns = 0
    while turns < request["turns"] or any(s < request["seconds"] for s in spent.values()):
        shuffled.shuffle(order)
        for number in order:
            samples = _burst(calls[number], bursts[number])
            taken[number].append(samples)
            spent[number] += sum(samples) / 1e3
        turns += 1
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    after = host.activity()
    gc.enable()
    times = {number: np.round(samples, 6).tolist() for number, samples in taken.items()}
    return {"times": list(times.items()), **_disturbance(before, after, wall=wall, cpu=cpu)}


def _burst(call: Call, runs: int) -> list[float]:
    samples = []
    for _ in range(runs):
        started = time.perf_counter_ns()
        call()
        samples.append(_since(started))
    return samples


def _disturbance(
    before: host.Activity | None, after: host.Activity | None, *, wall: float, cpu: float
) -> dict[str, float | int | None]:
    """Seconds of the clock, of this process, of others and stolen, while it was measured."""
    found: dict[str, float | int | None] = {"wall": wall, "cpu": cpu}
    if before is not None and after is not None:
        found["others"] = max(0.0, after.busy - before.busy - cpu)
        found["stolen"] = after.stolen - before.stolen
        if before.throttled is not None and after.throttled is not None:
            found["throttled"] = after.throttled - before.throttled
    return found


def _since(started: int) -> float:
    return (time.perf_counter_ns() - started) / 1e6


def _arguments(arguments: Sequence[str]) -> tuple[int, dict[str, Any]]:
    return int(arguments[1]), json.load(sys.stdin)


if __name__ == "__main__":
    main(*_arguments(sys.argv))
