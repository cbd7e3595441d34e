"""Every target and precision beside each other: parity, accuracy, size, delegation, cost, latency.

    python -m benchmarks.targets [--models M ...] [--targets T ...] [--runs 20] [--force]
        [--artifacts DIR] [--out benchmarks/results/targets.json]

Converts the bundled demo and slide_swin_tiny (random weights) in everything that the converters
offer and copies the numbers of the manifests. Each conversion is a process of its own, so that its
memory is its own. Rows that are in the output file are kept unless --force. Then, for each runtime
that runs here, the files and the stock graph (the published model through the same converter in
fp32) are timed in turn: one thread, one process, medians; a spread (p90 over median) above 10 % is
marked invalid. Only ratios carry over to another machine, and not all of them.
"""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.lib import provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.building import build, drawings
from benchmarks.lib.latency import Latency, interleaved
from benchmarks.lib.results.document import read, save
from benchmarks.lib.results.files import Candidate
from benchmarks.lib.results.targets import Cell, Conversion, RefusedCell, Targets
from slide_mobile import models
from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import amx
from slide_mobile.bench.host import cpu
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.parity.source import DEMO
from slide_mobile.targets import registry

MODELS = (DEMO, "slide_swin_tiny")
NO_LATENCY = {"coreai", "coreml"}  # evaluated here, or run by a runtime that is only a proof
STOCK = "stock"


class _Converted(msgspec.Struct, frozen=True):
    """The parts of `convert --json` that its manifest does not have."""

    seconds: float
    peak_rss_bytes: int


class _Refused(msgspec.Struct, frozen=True):
    """What `convert --json` prints where there is no file."""

    error: str


def main() -> None:
    """Convert what is missing, then time; each step is saved as soon as it is done."""
    arguments = parser(__doc__, out="targets.json", runs=20)
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--targets", nargs="+", default=registry.names())
    arguments.add_argument("--force", action="store_true", help="convert existing artifacts again")
    arguments.add_argument("--artifacts", type=Path, help="keep and reuse artifacts in this folder")
    options = arguments.parse_args()
    amx.renounce()
    result = Targets(rows=())
    if options.out.exists() and not options.force:
        result = read(options.out, Targets)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.artifacts or Path(scratch)
        pairs = list(itertools.product(options.models, options.targets))
        for cell in (cell for pair in pairs for cell in cells(*pair)):
            if cell.key not in {row.key for row in (*result.rows, *result.refused)}:
                result = added(result, convert(cell, folder))
                save(options.out, result)
        # Last: a child's peak begins with its parent's, and the runtimes make that a large one.
        for model, target in pairs:
            if options.runs and target not in NO_LATENCY:
                result = timed(result, model, target, folder, runs=options.runs)
                save(options.out, result)


def cells(model: str, target: str) -> Iterator[Cell]:
    """Every backend and precision of a model on a target."""
    for backend, precisions in registry.load(target).BACKENDS.items():
        if backend == "xnnpack-fp16":  # the same file, with a hint
            continue
        for precision in precisions:
            yield Cell(model=model, target=target, backend=backend, precision=precision)


def added(result: Targets, row: Conversion | RefusedCell) -> Targets:
    """The result with one more row, in the order of models and targets."""
    if isinstance(row, RefusedCell):
        return msgspec.structs.replace(result, refused=(*result.refused, row))
    names = dict.fromkeys((*MODELS, *models.names(tests=True), *registry.names()))
    order = {name: place for place, name in enumerate(names)}
    rows = sorted((*result.rows, row), key=lambda r: (order[r.model], order[r.target]))  # stable
    return msgspec.structs.replace(result, rows=tuple(rows))


def root(cell: Cell, folder: Path) -> Path:
    """The folder of a cell's artifact."""
    return folder / cell.backend / f"{cell.model}-{cell.target}-{cell.precision}"


def convert(cell: Cell, folder: Path) -> Conversion | RefusedCell:
    """The numbers of one conversion by the command line."""
    Console(stderr=True).print(*cell.key, highlight=False)
    command = [sys.executable, "-m", "slide_mobile", "convert", cell.model, "--to", cell.target]
    command += ["--backend", cell.backend, "--precision", cell.precision]
    command += ["--out", str(root(cell, folder).parent), "--json", "--quiet", "--force"]
    command += ["--full"] if cell.model == DEMO else ["--untrained"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        refused = documents.decode(done.stdout.encode(), _Refused)
        return RefusedCell(**msgspec.structs.asdict(cell), error=refused.error)
    printed = documents.decode(done.stdout.encode(), _Converted)
    artifact = ArtifactFolder.open(root(cell, folder))
    return conversion(cell, artifact, printed.seconds, printed.peak_rss_bytes)


def conversion(
    cell: Cell, artifact: ArtifactFolder, seconds: float, peak_rss_bytes: int
) -> Conversion:
    """A row from an artifact's manifest and what its conversion took."""
    manifest = artifact.manifest
    graph, parity, accuracy = manifest.graph, manifest.parity, manifest.accuracy
    return Conversion(
        **msgspec.structs.asdict(cell),
        sqnr_db=parity.sqnr_db,
        top1_agreement=parity.top1_agreement,
        samples=parity.samples,
        top1=None if accuracy is None else accuracy.top1,
        reference_top1=None if accuracy is None else accuracy.reference_top1,
        runtime=parity.runtime,
        size_bytes=manifest.size_bytes,
        partitions=graph.partitions,
        delegated_ops=graph.delegated_ops,
        total_ops=graph.total_ops,
        max_rank=graph.max_rank,
        int8_mac_fraction=graph.int8_mac_fraction,
        min_runtime=graph.min_runtime,
        toolchain=dict(manifest.toolchain),
        created=manifest.created,
        cpu=cpu(),
        with_amx=amx.available(),
        forms_sha256=provenance.digest(),
        seconds=seconds,
        peak_rss_bytes=peak_rss_bytes,
    )


def timed(result: Targets, model: str, target: str, folder: Path, *, runs: int) -> Targets:
    """The result with ratios to the stock graph for the default backend's files in the folder."""
    converter = registry.load(target)
    kind = (model, target, next(iter(converter.BACKENDS)))
    paths = {
        row.precision: root(row, folder) / f"model{converter.SUFFIX}"
        for row in result.rows
        if (row.model, row.target, row.backend) == kind
    }
    files = {precision: path for precision, path in paths.items() if path.exists()}
    found = times(model, target, files | {STOCK: stock(model, target, folder)}, runs=runs)
    rows = [
        with_latency(row, found[row.precision], found[STOCK], runs)
        if (row.model, row.target, row.backend) == kind and row.precision in found
        else row
        for row in result.rows
    ]
    return msgspec.structs.replace(result, rows=tuple(rows))


def with_latency(row: Conversion, own: Latency, stock: Latency, runs: int) -> Conversion:
    """A row with its latency over that of the stock graph."""
    return msgspec.structs.replace(
        row,
        to_stock_fp32=round(own.p50_ms / stock.p50_ms, 3),
        valid=own.valid and stock.valid,
        runs=runs,
        latency_cpu=cpu(),
    )


def stock(model: str, target: str, folder: Path) -> Path:
    """The published graph in fp32 through the same converter."""
    size = models.spec(model).input_size
    candidate = Candidate(model=model, form="published", target=target, precision="fp32", size=size)
    build(candidate, candidate.path(folder))
    return candidate.path(folder)


def times(model: str, target: str, files: Mapping[str, Path], *, runs: int) -> dict[str, Latency]:
    """The latency of each file; they run in turn."""
    converter = registry.load(target)
    (image,) = drawings(GOLDEN_SEED, 1, models.spec(model).input_size)
    runners = {name: converter.runner(path, threads=1) for name, path in files.items()}
    return interleaved({name: partial(run, image) for name, run in runners.items()}, runs=runs)


if __name__ == "__main__":
    main()
