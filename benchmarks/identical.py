"""Does `slide-mobile bench` find a difference between an artifact and its copy? It must not.

    python -m benchmarks.identical ARTIFACT [--times 10] [--load] [--min-seconds 3]
        [--out benchmarks/results/identical.json]

Each time, the ratio has to be within 3 % of 1, or not be given because it is too uncertain. With
--load, another process keeps one core busy meanwhile, and 5 % are allowed.
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
from slide_mobile.bench import BenchConfig, bench, host

ALLOWED, ALLOWED_UNDER_LOAD = 0.03, 0.05


def main() -> None:
    """Measure an artifact beside its copy many times; exits with 1 if a ratio is off."""
    arguments = parser(__doc__, out="identical.json")
    arguments.add_argument("artifact", type=Path)
    arguments.add_argument("--times", type=int, default=10)
    arguments.add_argument("--load", action="store_true", help="keep one core busy while timing")
    arguments.add_argument("--min-seconds", type=float, default=3.0)
    options = arguments.parse_args()
    allowed = ALLOWED_UNDER_LOAD if options.load else ALLOWED
    rows = []
    for time in range(options.times):
        Console(stderr=True).print(f"{time + 1} of {options.times}", highlight=False)
        with busy() if options.load else contextlib.nullcontext():
            rows.append(compared(options.artifact, options.min_seconds, allowed))
    trial = Trial(
        artifact=options.artifact.name,
        cpu=host.cpu(),
        allowed=allowed,
        passed=all(row.passed for row in rows),
        rows=tuple(rows),
    )
    old = read(options.out, Identical) if options.out.exists() else Identical()
    kind = "under_load" if options.load else "alone"
    save(options.out, msgspec.structs.replace(old, **{kind: trial}))
    print(identical.table(trial))
    sys.exit(0 if trial.passed else 1)


def compared(artifact: Path, min_seconds: float, allowed: float) -> Comparison:
    """An artifact measured beside a copy of it, once."""
    with tempfile.TemporaryDirectory() as folder:
        twin = shutil.copytree(artifact, Path(folder) / "twin")
        document = bench([artifact, twin], config=BenchConfig(min_seconds=min_seconds))
    ratio, intervals = document.ratios[0][1], document.ratio_intervals
    one, other = document.results
    assert one.p50_ms is not None and other.p50_ms is not None, "a host measures what it runs"
    return Comparison(
        p50_ms=(one.p50_ms, other.p50_ms),
        ratio=ratio,
        interval=None if intervals is None else intervals[0][1],
        why_invalid=tuple(sorted({*one.why_invalid, *other.why_invalid})),
        passed=ratio is None or abs(ratio - 1) <= allowed,
    )


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Keep one core busy with another process."""
    with subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
