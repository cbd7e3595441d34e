"""Every family's Slide model beside its parent, on LiteRT with XNNPACK, one thread.

    python -m benchmarks.families [--pairs slide_pvt_tiny:pvt_tiny ...] [--runs 30]
        [--files DIR] [--out benchmarks/results/families.json]

Both sides as published and in our deploy form, in fp32 and int8; a pair's files run in turn in one
process (benchmarks/whole.py, whose rows and rules these are). Other pairs in the output file stay
where they were measured in the same environment.
"""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.gates import Row
from benchmarks.whole import build_all, candidates, environment, measure, save
from slide_mobile.bench.host import renounce_tiles

PAIRS = (
    "slide_pvt_tiny:pvt_tiny",
    "slide_pvt_small:pvt_small",
    "slide_pvt_v2_b1:pvt_v2_b1",
    "slide_cswin_small:cswin_small",
    "slide_nat_tiny:nat_tiny",
)
TARGET = "tflite"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", nargs="+", default=PAIRS, help="OURS:PARENT")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--files", type=Path, help="keep the files here, and use those there are")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/families.json"))
    options = parser.parse_args()
    renounce_tiles()
    where = environment([TARGET], runs=options.runs)
    rows, lines = earlier(options.out, where)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch)
        for pair in options.pairs:
            ours, parent = pair.split(":")
            wanted = [c for c in candidates((ours, parent), [TARGET]) if c.form != "floor"]
            files = build_all(wanted, folder)
            taken = measure(files, folder, threads=[1], runs=options.runs)
            measured = [{"pair": pair, **row} for row in taken]
            new = ratios(measured, ours, parent)
            rows = _placed([*(r for r in rows if r["pair"] != pair), *measured])
            lines = _placed([*(r for r in lines if r["pair"] != pair), *new])
            save(options.out, environment=where, ratios=lines, rows=rows)
            Console(width=120).print(*new, sep="\n")


def earlier(path: Path, where: Row) -> tuple[list[Row], list[Row]]:
    """Rows and ratios in a file, if they were measured in this environment."""
    if not path.exists():
        return [], []
    document = json.loads(path.read_text(encoding="utf-8"))
    return (document["rows"], document["ratios"]) if document["environment"] == where else ([], [])


def _placed(rows: list[Row]) -> list[Row]:
    """In the order of PAIRS, others behind them."""
    return sorted(rows, key=lambda r: PAIRS.index(r["pair"]) if r["pair"] in PAIRS else len(PAIRS))


def ratios(rows: list[Row], ours: str, parent: str) -> list[Row]:
    """Ours over the parent, in each precision: both deployed, ours deployed, both published."""
    found = {
        (r["model"], r["form"], r["precision"]): r for r in rows if "error" not in r and r["valid"]
    }
    lines = []
    for precision in ("fp32", "int8"):
        pair = f"{ours}:{parent}"
        line: Row = {"pair": pair, "ours": ours, "parent": parent, "precision": precision}
        for name, of, over in (
            ("deploy / deploy", "deploy", "deploy"),
            ("deploy / published", "deploy", "published"),
            ("published / published", "published", "published"),
        ):
            sides = found.get((ours, of, precision)), found.get((parent, over, precision))
            top, bottom = sides
            line[name] = (
                None
                if top is None or bottom is None
                else round(top["p50_ms"] / bottom["p50_ms"], 3)
            )
        lines.append(line)
    return lines


if __name__ == "__main__":
    main()
