"""Every target and precision beside each other: parity, accuracy, size, delegation, cost, latency.

    python -m benchmarks.targets [--models M ...] [--targets T ...] [--runs 20] [--out FILE]

Converts the bundled demo and slide_swin_tiny (random weights) in everything that the converters
offer, each in a process of its own so that its memory is its own, and copies the manifests'
numbers; rows already in the output file are kept unless --force. Then, for each runtime that
runs here, times the files and the stock graph (the published model put through the same converter
in fp32) in turn: one thread, one process, medians; a spread (p90 over median) above 10 % is marked
invalid. Only ratios carry over to another machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from slide_mobile import __version__, models, recipes, targets
from slide_mobile.demo.render import GOLDEN_SEED, render
from slide_mobile.export import ImageModel
from slide_mobile.targets import Request

MODELS = ("slide_swin_demo", "slide_swin_tiny")
NO_LATENCY = {"coreml"}  # evaluated here, not run
MAX_SPREAD = 1.10
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--targets", nargs="+", default=targets.names())
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--artifacts", type=Path, default=None, help="keep the artifacts here")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/targets.json"))
    options = parser.parse_args()
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.artifacts or Path(scratch)
        for model in options.models:
            for target in options.targets:
                cells = [r for r in rows if (r["model"], r["target"]) == (model, target)]
                if cells and not options.force:
                    continue
                rows = [r for r in rows if r not in cells]
                rows += measure(model, target, folder, runs=options.runs)
                rows.sort(key=lambda r: (MODELS.index(r["model"]), r["target"]))  # stable
                options.out.parent.mkdir(parents=True, exist_ok=True)
                document = {"environment": environment(options.runs), "rows": rows}
                options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(model: str, target: str, folder: Path, *, runs: int) -> list[dict[str, Any]]:
    """Rows of one model and target, one a backend and precision."""
    console, converter = Console(stderr=True), targets.load(target)
    rows, paths = [], {}
    for backend, precisions in converter.BACKENDS.items():
        for precision in precisions:
            console.print(f"{model} {target} {backend} {precision}")
            row = convert(model, target, backend, precision, folder / backend)
            rows.append(row)
            first = next(iter(converter.BACKENDS))
            if backend == first and target not in NO_LATENCY and "error" not in row:
                paths[precision] = folder / backend / f"{model}-{target}-{precision}"
    if paths:
        files = {p: root / f"model{converter.SUFFIX}" for p, root in paths.items()}
        files["stock"] = stock(model, target, folder)
        found = times(target, files, models.spec(model).input_size, runs=runs)
        for row in rows:
            if row["backend"] == next(iter(converter.BACKENDS)) and row["precision"] in found:
                p50, valid = found[row["precision"]]
                row["to_stock_fp32"] = round(p50 / found["stock"][0], 3)
                row["valid"] = valid and found["stock"][1]
    return rows


def convert(model: str, target: str, backend: str, precision: str, out: Path) -> dict[str, Any]:
    """One conversion by the command line, as a row."""
    row: dict[str, Any] = {
        "model": model, "target": target, "backend": backend, "precision": precision,
    }  # fmt: skip
    command = [sys.executable, "-m", "slide_mobile", "convert", model, "--to", target]
    command += ["--backend", backend, "--precision", precision, "--out", str(out)]
    command += ["--json", "--quiet", "--force"]
    command += [] if model == "slide_swin_demo" else ["--untrained"]
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
        "seconds": document["seconds"],
        "peak_rss_bytes": document["peak_rss_bytes"],
    }  # fmt: skip


def stock(model: str, target: str, folder: Path) -> Path:
    """The published graph in fp32 through the same converter; takes NCHW pixels."""
    converter, spec = targets.load(target), models.spec(model)
    reference = models.create(model).requires_grad_(False)
    example = {"image": torch.zeros(1, 3, *spec.input_size)}
    program = torch.export.export(ImageModel(reference, "NCHW").eval(), (), example)
    path = folder / f"stock{converter.SUFFIX}"
    request = Request(
        recipe=recipes.lookup("fp32"),
        backend=next(iter(converter.BACKENDS)),
        via=converter.ROADS[0],
        labels=tuple(f"class {i}" for i in range(spec.num_classes)),
        title=model,
        description="stock",
        version=__version__,
        facts={},
    )
    converter.convert(program, request, path)
    return path


def times(
    target: str, files: dict[str, Path], size: tuple[int, int], *, runs: int
) -> dict[str, tuple[float, bool]]:
    """Median in ms of each file, and whether it is to be believed; the files run in turn."""
    converter = targets.load(target)
    image, _ = render(GOLDEN_SEED, 0, size[0])
    # LiteRT's stock graph keeps PyTorch's NCHW input.
    turned = np.ascontiguousarray(image.transpose(2, 0, 1)) if target == "tflite" else image
    runners = {name: converter.runner(path, threads=1) for name, path in files.items()}
    pixels = {name: turned if name == "stock" else image for name in files}
    taken: dict[str, list[float]] = {name: [] for name in files}
    for turn in range(WARM_UP + runs):
        for name, runner in runners.items():
            started = time.perf_counter()
            runner(pixels[name])
            if turn >= WARM_UP:
                taken[name].append(1e3 * (time.perf_counter() - started))
    found = {}
    for name, values in taken.items():
        p50, p90 = (float(np.percentile(values, q)) for q in (50, 90))
        found[name] = (p50, p90 <= MAX_SPREAD * p50)
    return found


def environment(runs: int) -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else "", "cores": os.cpu_count(), "threads": 1, "runs": runs}


if __name__ == "__main__":
    main()
