"""Does `slide-mobile bench` tell an artifact from itself? It must not, ten times out of ten.

    python -m benchmarks.identical ARTIFACT [--times 10] [--load]
        [--out benchmarks/results/identical.json]

Measures an artifact beside a copy of it. Each time the ratio has to be within 3 % of 1, or not be
given; with --load, another process is busy on one core meanwhile, and 5 % are allowed.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from slide_mobile.bench import host
from slide_mobile.bench.measure import Asked, bench

ALLOWED, ALLOWED_UNDER_LOAD = 0.03, 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--load", action="store_true", help="another process is busy meanwhile")
    parser.add_argument("--min-seconds", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/identical.json"))
    options = parser.parse_args()
    allowed = ALLOWED_UNDER_LOAD if options.load else ALLOWED
    rows, console = [], Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        twin = shutil.copytree(options.artifact, Path(folder) / "twin")
        for time in range(options.times):
            console.print(f"{time + 1} of {options.times}", highlight=False)
            with busy() if options.load else contextlib.nullcontext():
                asked = Asked(seconds=options.min_seconds)
                document, _ = bench([options.artifact, twin], asked=asked)
            rows.append(row(document, allowed))
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}
    kept["under load" if options.load else "alone"] = {
        "artifact": options.artifact.name,
        "cpu": host.cpu(),
        "allowed": allowed,
        "passed": all(r["passed"] for r in rows),
        "rows": rows,
    }
    options.out.write_text(json.dumps(kept, indent=2) + "\n")
    Console().print(table(rows))
    sys.exit(0 if all(r["passed"] for r in rows) else 1)


def row(document: dict[str, Any], allowed: float) -> dict[str, Any]:
    """What came of one time."""
    ratio, interval = document["ratios"][0][1], document["ratio_intervals"][0][1]
    return {
        "p50_ms": [result["p50_ms"] for result in document["results"]],
        "ratio": ratio,
        "interval": interval,
        "why_invalid": sorted({why for r in document["results"] for why in r["why_invalid"]}),
        "passed": ratio is None or abs(ratio - 1) <= allowed,
    }


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A process beside us that computes without end."""
    with subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"]) as process:
        try:
            yield
        finally:
            process.kill()


def table(rows: list[dict[str, Any]]) -> Table:
    found = Table("", "p50 ms", "ratio", "95 %", "invalid", "")
    for number, r in enumerate(rows, 1):
        found.add_row(
            str(number),
            " / ".join(f"{ms:.3f}" for ms in r["p50_ms"]),
            "none" if r["ratio"] is None else f"{r['ratio']:.3f}",
            "" if r["interval"] is None else "{:.3f} to {:.3f}".format(*r["interval"]),
            "; ".join(r["why_invalid"]),
            "" if r["passed"] else "MISSED",
        )
    return found


if __name__ == "__main__":
    main()
