"""Latency against the size of the image, on LiteRT with XNNPACK: ours beside Swin.

    python -m benchmarks.growth [--models OURS SWIN] [--sizes 224 288 384 512]
        [--precisions fp32] [--runs 30] [--files DIR] [--out benchmarks/results/growth.json]

Files are built as in `benchmarks.whole`, and --files shares its folder. All of them run in turn in
one process, one thread, medians; a spread (p90 over median) above 10 % is marked invalid. Where
the windows of the later stages do not divide the map, both models pad it; in the deploy form only
the products of tokens see the padding.
"""

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.gates import OURS, SWIN, Row
from benchmarks.whole import build_all, candidates, environment, measure, save
from slide_mobile.bench.host import renounce_tiles

SIZES = (224, 288, 384, 512)  # pixels a side
# Ours may grow by so much more than its pixels do: what the spread of a valid run allows for.
GATE = 1.10


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=(OURS, SWIN), help="ours, and the baseline")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--precisions", nargs="+", default=("fp32",))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--files", type=Path, help="keep the files here, and use those there are")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/growth.json"))
    options = parser.parse_args()
    renounce_tiles()
    ours, *baselines = options.models
    sides = {(ours, "deploy"), *_both_forms(baselines)}
    measured = {(*side, precision) for side in sides for precision in options.precisions}
    wanted = [
        candidate
        for side in options.sizes
        for candidate in candidates(options.models, ["tflite"], (side, side))
        if (candidate.model, candidate.form, candidate.precision) in measured
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch)
        files = build_all(wanted, folder)
        rows = measure(files, folder, threads=[1], runs=options.runs)
    rows = grown(rows, baselines=baselines)
    save(options.out, environment=environment(["tflite"], threads=1, runs=options.runs), rows=rows)
    Console(width=140).print(_table(rows))


def grown(rows: Sequence[Row], *, baselines: Iterable[str] = (SWIN,)) -> list[Row]:
    """The rows, with time a pixel relative to the smallest size, and ratios to the baselines.

    A ratio of which one side is invalid is left out.
    """
    measured = {
        (r["model"], r["form"], r["precision"], r["size"]): r for r in rows if "error" not in r
    }
    smallest = min((size for *_, size in measured), default=(1, 1))
    pairs, found = sorted(_both_forms(baselines)), []
    for row in rows:
        name, size = (row["model"], row["form"], row["precision"]), row["size"]
        others = {"a_pixel_to_first": measured.get((*name, smallest))}
        for model, form in pairs:
            others[f"to_{model}_{form}"] = measured.get((model, form, row["precision"], size))
        ratios = {
            key: row["p50_ms"] / other["p50_ms"]
            for key, other in others.items()
            if other is not None and other["valid"] and row.get("valid")
        }
        if "a_pixel_to_first" in ratios:
            ratios["a_pixel_to_first"] /= size[0] * size[1] / (smallest[0] * smallest[1])
        found.append(row | {key: round(value, 3) for key, value in ratios.items()})
    return found


def _both_forms(models: Iterable[str]) -> set[tuple[str, str]]:
    return {(model, form) for model in models for form in ("published", "deploy")}


def _table(rows: Sequence[Row]) -> Table:
    ratios = sorted({key for row in rows for key in row if key.startswith("to_")})
    table = Table("model", "form", "precision")
    for header in (
        "size",
        "ms",
        "a pixel / smallest",
        *(r.replace("to_", "/ ", 1) for r in ratios),
    ):
        table.add_column(header, justify="right")
    for r in rows:
        name = [r["model"], r["form"], r["precision"], "x".join(map(str, r["size"]))]
        if "error" in r:
            table.add_row(*name, r["error"])
            continue
        ms = f"{r['p50_ms']:.1f}" + ("" if r["valid"] else " invalid")
        shares = [f"{r[key]:.2f}" if key in r else "" for key in ("a_pixel_to_first", *ratios)]
        table.add_row(*name, ms, *shares)
    return table


if __name__ == "__main__":
    main()
