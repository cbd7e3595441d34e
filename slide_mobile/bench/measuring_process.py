"""One measuring process: it loads artifacts and times them in turn, or profiles one.

    python -m slide_mobile.bench.measuring_process DESCRIPTOR

processes.py starts it, several times, and reads replies from the descriptor (messages.py). It
imports the toolchain of its first artifact, which takes seconds, and waits for its turn. The first
artifact finds a fresh process: its load time, its first inference and its memory count. Toolchains
print what they like on both streams, hence a descriptor of its own.
"""

import contextlib
import gc
import importlib.metadata
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import amx, host, profiling
from slide_mobile.bench.messages import (
    AllLoaded,
    Loaded,
    Loading,
    NotLoaded,
    ProfileRequest,
    Reply,
    Request,
    Started,
    Timed,
    TimingRequest,
    decode_request,
    encode,
    text,
)
from slide_mobile.errors import SlideMobileError
from slide_mobile.targets import registry

# Runs of a fast model in one turn of a slow one, at most: then 50 turns give each its seconds.
MAX_BURST = 50

Call = Callable[[], object]
Samples = tuple[float, ...]  # milliseconds


def main(descriptor: int, lines: BinaryIO) -> None:
    """Do what the request asks once it is our turn, and reply line by line."""
    with contextlib.suppress(OSError):  # `Started` says so: the numbers are then of another machine
        amx.renounce()
    request = decode_request(lines.readline())
    with os.fdopen(descriptor, "wb") as out:
        prepare(out, request)
        reply(out, Started(amx=amx.available()))
        if not lines.readline():
            return
        match request:
            case ProfileRequest():
                root = Path(os.fsdecode(request.artifact))
                reply(out, profiling.profile(root, threads=request.threads))
            case TimingRequest():
                measure(out, request)


def prepare(out: BinaryIO, request: Request) -> None:
    """Import the toolchain of the first artifact; if it cannot be, loading will say so."""
    if isinstance(request, TimingRequest):
        for number, name in request.artifacts[:1]:
            reply(out, Loading(number=number))
            with contextlib.suppress(SlideMobileError):
                registry.load(ArtifactFolder.open(Path(os.fsdecode(name))).manifest.target)


def measure(out: BinaryIO, request: TimingRequest) -> None:
    """Load the artifacts, then time all that run here."""
    calls: dict[int, Call] = {}
    warm_ms: dict[int, float] = {}
    for place, (number, name) in enumerate(request.artifacts):
        reply(out, Loading(number=number))
        try:
            found, call = loaded(number, Path(os.fsdecode(name)), request, fresh=place == 0)
        except SlideMobileError as error:
            why = NotLoaded(number=number, error=text(error), exit_code=error.exit_code)
            reply(out, why)
            continue
        reply(out, found)
        if call is not None and found.warm_ms is not None:
            calls[number], warm_ms[number] = call, found.warm_ms
    reply(out, AllLoaded())
    if calls:
        slowest = max(warm_ms.values())
        bursts = {n: int(min(MAX_BURST, max(1, slowest / ms))) for n, ms in warm_ms.items()}
        reply(out, timed(calls, bursts, request))


def reply(out: BinaryIO, message: Reply) -> None:
    """Send one line at once, so that a crash cannot take it along."""
    out.write(encode(message))
    out.flush()


def loaded(
    number: int, root: Path, request: TimingRequest, *, fresh: bool
) -> tuple[Loaded, Call | None]:
    """Load an artifact and warm it up; the call is None where nothing here runs it."""
    artifact = ArtifactFolder.open(root)
    converter = registry.load(artifact.manifest.target)  # imports its toolchain: not counted
    image = golden.image(artifact, artifact.manifest.golden[0])
    before = host.memory()
    started = time.perf_counter_ns()
    runner = converter.runner(artifact.model_path, threads=request.threads)
    load_ms = _since(started)
    name, distribution = converter.RUNTIME
    suite = (name, importlib.metadata.version(distribution))
    found = Loaded(number=number, runtime=runner.runtime, suite=suite, fresh=fresh, load_ms=load_ms)
    if runner.bind is None:
        return found, None
    started = time.perf_counter_ns()
    runner.call(image)
    first_ms = _since(started)
    call = runner.bind(image)
    warm, _ = _burst(call, request.warm_up)
    after = host.memory()
    found = replace(found, first_ms=first_ms, warm_ms=min([first_ms, *warm]))
    if fresh and before is not None and after is not None:
        base, peak = before.resident_bytes, after.peak_bytes
        found = replace(found, base_rss_bytes=base, peak_rss_bytes=peak)
    return found, call


def timed(calls: Mapping[int, Call], bursts: Mapping[int, int], request: TimingRequest) -> Timed:
    """Time the calls in turn, in a new order each turn, until each has its turns and seconds.

    A call that is much faster than the slowest runs several times in its turn (`bursts`).
    """
    order, shuffled = list(calls), random.Random(request.seed)
    turns: dict[int, list[Samples]] = {number: [] for number in order}
    cpu_turns: dict[int, list[Samples]] = {number: [] for number in order}
    spent = dict.fromkeys(order, 0.0)
    gc.collect()
    gc.disable()
    before, cpu, started = host.activity(), time.process_time(), time.perf_counter()
    done = 0
    while done < request.turns or min(spent.values()) < request.seconds:
        shuffled.shuffle(order)
        for number in order:
            samples, cpu_samples = _burst(calls[number], bursts[number])
            turns[number].append(samples)
            cpu_turns[number].append(cpu_samples)
            spent[number] += sum(samples) / 1e3
        done += 1
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    after = host.activity()
    gc.enable()
    others, stolen, throttled = disturbance(before, after, cpu=cpu)
    return Timed(
        turns=_rounded(turns),
        cpu_turns=_rounded(cpu_turns) if _ticks(cpu_turns) else None,
        wall=wall,
        cpu=cpu,
        others=others,
        stolen=stolen,
        throttled=throttled,
    )


def disturbance(
    before: host.Activity | None, after: host.Activity | None, *, cpu: float
) -> tuple[float | None, float | None, int | None]:
    """Seconds of other processes, seconds stolen, and thermal slowdowns between two looks."""
    if before is None or after is None:
        return None, None, None
    others = max(0.0, after.busy - before.busy - cpu)
    stolen = after.stolen - before.stolen
    if before.throttled is None or after.throttled is None:
        return others, stolen, None
    return others, stolen, after.throttled - before.throttled


def _burst(call: Call, runs: int) -> tuple[Samples, Samples]:
    """Milliseconds of each of several runs in a row: by the clock, and in CPU time."""
    samples, cpu_samples = [], []
    for _ in range(runs):
        cpu = time.process_time_ns()
        started = time.perf_counter_ns()
        call()
        samples.append(_since(started))
        cpu_samples.append((time.process_time_ns() - cpu) / 1e6)
    return tuple(samples), tuple(cpu_samples)


def _rounded(turns: Mapping[int, list[Samples]]) -> dict[int, tuple[Samples, ...]]:
    """The turns, rounded to a nanosecond, which is what the clocks count."""
    return {
        number: tuple(tuple(round(ms, 6) for ms in turn) for turn in taken)
        for number, taken in turns.items()
    }


def _ticks(turns: Mapping[int, list[Samples]]) -> bool:
    """Whether the clock is fine enough: a coarse one sees no time pass in a short run."""
    return all(ms > 0 for taken in turns.values() for turn in taken for ms in turn)


def _since(started: int) -> float:
    """Milliseconds since a reading of the clock."""
    return (time.perf_counter_ns() - started) / 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.buffer)
