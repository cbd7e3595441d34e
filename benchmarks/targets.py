"""Every target and precision beside each other: parity, accuracy, size, delegation, cost, latency.

    python -m benchmarks.targets [--models M ...] [--targets T ...] [--runs 20] [--artifacts DIR]

Converts the bundled demo and slide_swin_tiny (random weights) in everything that the converters
offer, each in a process of its own so that its memory is its own, and copies the manifests'
numbers; rows already in the output file are kept unless --force. Then, for each runtime that
runs here, times the files and the stock graph (the published model put through the same converter
in fp32) in turn: one thread, one process, medians; a spread (p90 over median) above 10 % is marked
invalid. Only ratios carry over to another machine, and not all of them.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import provenance
from benchmarks.latency import Latency, interleaved
from benchmarks.whole import Candidate, build, drawings
from slide_mobile import models
from slide_mobile.bench.host import cpu, renounce_tiles, tiles
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.models.registry import Spec
from slide_mobile.parity.reference import DEMO
from slide_mobile.targets import registry

MODELS = (DEMO, "slide_swin_tiny")
NO_LATENCY = {"coreml"}  # evaluated here, not run

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--targets", nargs="+", default=registry.names())
    parser.add_argument("--runs", type=int, default=20, help="0: no latency")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--artifacts", type=Path, help="keep the artifacts here, and use them")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/targets.json"))
    options = parser.parse_args()
    renounce_tiles()
    rows: list[Row] = []
    if options.out.exists() and not options.force:
        rows = json.loads(options.out.read_text())["rows"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.artifacts or Path(scratch)
        pairs = list(itertools.product(options.models, options.targets))
        for cell in [cell for pair in pairs for cell in cells(*pair)]:
            if not any(cell.items() <= row.items() for row in rows):
                rows.append(convert(cell, folder))
                save(rows, options.out)
        # Last: a child's peak begins with its parent's, and runtimes make that a large one.
        for model, target in pairs:
            if options.runs and target not in NO_LATENCY:
                add_latency(rows, model, target, folder, runs=options.runs)
                save(rows, options.out)


def cells(model: str, target: str) -> list[Row]:
    """What identifies each row of a model and a target."""
    return [
        {"model": model, "target": target, "backend": backend, "precision": precision}
        for backend, precisions in registry.load(target).BACKENDS.items()
        if backend != "xnnpack-fp16"  # the same file, with a hint
        for precision in precisions
    ]


def save(rows: list[Row], path: Path) -> None:
    names = dict.fromkeys((*MODELS, *models.names(tests=True), *registry.names()))
    order = {name: i for i, name in enumerate(names)}
    rows.sort(key=lambda row: (order[row["model"]], order[row["target"]]))  # stable
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"rows": rows}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def add_latency(rows: list[Row], model: str, target: str, folder: Path, *, runs: int) -> None:
    """Ratios to the stock graph for the default backend's files that are in the folder."""
    converter = registry.load(target)
    default = next(iter(converter.BACKENDS))
    files = {}
    for row in rows:
        if {"model": model, "target": target, "backend": default}.items() <= row.items():
            path = root(row, folder) / f"model{converter.SUFFIX}"
            if path.exists():
                files[row["precision"]] = path
    found = times(
        target, files | {"stock": stock(model, target, folder)}, models.spec(model), runs=runs
    )
    for row in rows:
        if (row["model"], row["target"], row["backend"]) != (model, target, default):
            continue
        if row["precision"] in found:
            own, stock_one = found[row["precision"]], found["stock"]
            row["to_stock_fp32"] = round(own.p50_ms / stock_one.p50_ms, 3)
            row["valid"] = own.valid and stock_one.valid
            row["runs"] = runs
            row["latency_cpu"] = cpu()


def root(row: Row, folder: Path) -> Path:
    return folder / row["backend"] / f"{row['model']}-{row['target']}-{row['precision']}"


def convert(row: Row, folder: Path) -> Row:
    """The row with the numbers of one conversion by the command line."""
    Console(stderr=True).print(" ".join(row.values()))
    command = [sys.executable, "-m", "slide_mobile", "convert", row["model"], "--to", row["target"]]
    command += ["--backend", row["backend"], "--precision", row["precision"]]
    command += ["--out", str(root(row, folder).parent), "--json", "--quiet", "--force"]
    command += [] if row["model"] == DEMO else ["--untrained"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    document = json.loads(done.stdout)
    if done.returncode:
        return row | {"error": document["error"]}
    manifest = document["manifest"]
    accuracy = manifest["accuracy"] or {}
    return row | {
        "sqnr_db": manifest["parity"]["sqnr_db"],
        "top1_agreement": manifest["parity"]["top1_agreement"],
        "samples": manifest["parity"]["samples"],
        "top1": accuracy.get("top1"),
        "reference_top1": accuracy.get("reference_top1"),
        "runtime": manifest["parity"]["runtime"],
        "size_bytes": manifest["size_bytes"],
        **{key: manifest["graph"][key] for key in (
            "partitions", "delegated_ops", "total_ops", "max_rank", "int8_mac_fraction",
            "min_runtime",
        )},
        "toolchain": manifest["toolchain"],
        "created": manifest["created"],
        "cpu": cpu(),
        "tiles": tiles(),
        provenance.FORMS: provenance.sha256(),
        "seconds": document["seconds"],
        "peak_rss_bytes": document["peak_rss_bytes"],
    }  # fmt: skip


def stock(model: str, target: str, folder: Path) -> Path:
    """The published graph in fp32 through the same converter."""
    candidate = Candidate(
        model=model,
        form="published",
        target=target,
        precision="fp32",
        size=models.spec(model).input_size,
    )
    path = candidate.path(folder)
    build(candidate, path)
    return path


def times(target: str, files: dict[str, Path], spec: Spec, *, runs: int) -> dict[str, Latency]:
    """Latency of each file; the files run in turn."""
    converter = registry.load(target)
    (image,) = drawings(GOLDEN_SEED, 1, spec.input_size)
    calls = {
        name: partial(converter.runner(path, threads=1), image) for name, path in files.items()
    }
    return interleaved(calls, runs=runs)


if __name__ == "__main__":
    main()
