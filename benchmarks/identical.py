"""Does `slide-mobile bench` find a difference between an artifact and its copy? It must not.

    python -m benchmarks.identical ARTIFACT [--times 10] [--load 2] [--max-seconds 60]
        [--out benchmarks/results/identical.json]

Each time, the ratio has to be within 2 % of 1, or there is no answer. With --load, so many other
processes compute meanwhile; without it, the machine should be quiet, and nine of ten have to have
an answer.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.lib.arguments import parser
from benchmarks.lib.results import identical
from benchmarks.lib.results.document import read, save
from benchmarks.lib.results.identical import Comparison, Identical, Trial
from slide_mobile.bench import BenchConfig, host, measure, statistics
from slide_mobile.bench.config import USUAL

ALLOWED, ANSWERED = 0.02, 0.9


def main() -> None:
    """Measure an artifact beside its copy many times; exits with 1 if a ratio is off."""
    arguments = parser(__doc__, out="identical.json")
    arguments.add_argument("artifact", type=Path)
    arguments.add_argument("--times", type=int, default=10)
    arguments.add_argument("--load", type=int, default=0, help="number of processes that compute")
    arguments.add_argument("--max-seconds", type=float, default=USUAL.max_seconds)
    options = arguments.parse_args()
    rows = []
    for time in range(options.times):
        Console(stderr=True).print(f"{time + 1} of {options.times}", highlight=False)
        with contextlib.ExitStack() as others:
            for _ in range(options.load):
                others.enter_context(busy())
            rows.append(compared(options.artifact, options.max_seconds))
    answered = sum(row.ratio is not None for row in rows)
    enough = bool(options.load) or answered >= ANSWERED * len(rows)
    trial = Trial(
        artifact=options.artifact.name,
        cpu=host.cpu(),
        allowed=ALLOWED,
        passed=enough and all(row.passed for row in rows),
        rows=tuple(rows),
    )
    old = read(options.out, Identical) if options.out.exists() else Identical()
    kind = "under_load" if options.load else "alone"
    save(options.out, msgspec.structs.replace(old, **{kind: trial}))
    print(identical.table(trial))
    sys.exit(0 if trial.passed else 1)


def compared(artifact: Path, max_seconds: float) -> Comparison:
    """An artifact measured beside a copy of it, once."""
    with tempfile.TemporaryDirectory() as folder:
        twin = shutil.copytree(artifact, Path(folder) / "twin")
        document = measure([artifact, twin], config=BenchConfig(max_seconds=max_seconds))
    pair = document.comparison(0, 1)
    one, other = document.results
    assert pair is not None and one.p50_ms and other.p50_ms, "a host measures what it runs"
    return Comparison(
        p50_ms=(one.p50_ms, other.p50_ms),
        spread=max(statistics.summary(side.samples_ms).spread for side in (one, other)),
        processes=len(pair.clock.processes),
        ratio=document.ratios[1][0],
        interval=pair.clock.interval,
        cpu_ratio=None if pair.cpu is None else pair.cpu.ratio,
        why_invalid=pair.why_invalid,
        passed=not pair.valid or abs(pair.clock.ratio - 1) <= ALLOWED,
    )


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Let another process compute."""
    with subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
