"""What every lab finds about the demo and one model of each family.

    slide-mobile lab setup
    python -m benchmarks.labs [--models M ...] [--precisions P ...] [--artifacts DIR] [--force]
        [--out benchmarks/results/labs.json]

Runs .tflite and .pte files in all labs that are set up, and fp16 files of the other targets in
theirs. The output file is saved after each of them; with --force, what it has is run again.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.lib import provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.artifacts import converted
from benchmarks.lib.results import labs as results
from benchmarks.lib.results.document import read, save
from benchmarks.lib.results.labs import LabRow, Labs
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.lab import catalogue, session
from slide_mobile.lab.labs import Lab
from slide_mobile.parity.source import DEMO
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format

FAMILIES = ("swin", "pvt", "pvt_v2", "cswin", "nat")
MODELS = (DEMO, *(f"slide_{family}_test" for family in FAMILIES))
PRECISIONS = ("fp32", "fp16", "int8")
WHOLE = ("tflite", "executorch")  # targets with labs for every precision


def main() -> None:
    """Convert, run the labs, and save what they found, file by file."""
    options = _options()
    ready = catalogue.ready(catalogue.choose(options.labs))
    result = _kept(options)
    with tempfile.TemporaryDirectory() as scratch:
        # Files built with another table of forms have other operations.
        folder = (options.artifacts or Path(scratch)) / provenance.digest()[:12]
        for model, to in _files(options):
            if (model, to.target, to.precision) in {row.file for row in result.rows}:
                continue
            found = _rows(converted(model, to, folder), ready)
            result = msgspec.structs.replace(result, rows=(*result.rows, *found))
            save(options.out, result)
    print(results.table(result))


def _kept(options: argparse.Namespace) -> Labs:
    """What is in the output file, if it is of today's forms."""
    if options.out.exists() and not options.force:
        found = read(options.out, Labs)
        if found.forms_sha256 == provenance.digest():
            return found
    return Labs(forms_sha256=provenance.digest(), rows=())


def _rows(artifact: ArtifactFolder, ready: Sequence[Lab]) -> list[LabRow]:
    """What the labs find about one file."""
    manifest = artifact.manifest
    rows = [
        LabRow(
            model=manifest.model.name,
            target=manifest.target,
            precision=manifest.precision,
            verdict=verdict,
        )
        for verdict in session.run(artifact, ready).verdicts
    ]
    for row in rows:
        print(*row.file, row.verdict.lab, row.verdict.arithmetic, row.verdict.summary, flush=True)
    return rows


def _options() -> argparse.Namespace:
    """The options of the command line."""
    arguments = parser(__doc__, out="labs.json")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--precisions", nargs="+", default=PRECISIONS)
    arguments.add_argument("--labs", nargs="+", default=())
    arguments.add_argument(
        "--artifacts",
        type=Path,
        help="keep and reuse artifacts in this folder (empty it after changing a converter)",
    )
    arguments.add_argument("--force", action="store_true", help="run again what has been run")
    return arguments.parse_args()


def _files(options: argparse.Namespace) -> Iterator[tuple[str, Format]]:
    """Every file to run, by model."""
    whole = [Format(*to) for to in itertools.product(WHOLE, options.precisions)]
    others = [Format(target, "fp16") for target in registry.names() if target not in WHOLE]
    return itertools.product(options.models, (*whole, *others))


if __name__ == "__main__":
    main()
