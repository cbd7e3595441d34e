"""What every lab finds about the demo and one model of each family.

    slide-mobile lab setup
    python -m benchmarks.labs [--models M ...] [--precisions P ...] [--artifacts DIR]
        [--out benchmarks/results/labs.json]

Runs .tflite and .pte files in all labs that are set up, and fp16 files of the other targets in
theirs.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lib import provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.artifacts import converted
from benchmarks.lib.results import labs as results
from benchmarks.lib.results.document import save
from benchmarks.lib.results.labs import LabRow
from slide_mobile.artifact.folder import Artifact
from slide_mobile.lab import catalogue, session
from slide_mobile.parity.source import DEMO
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format

FAMILIES = ("swin", "pvt", "pvt_v2", "cswin", "nat")
MODELS = (DEMO, *(f"slide_{family}_test" for family in FAMILIES))
PRECISIONS = ("fp32", "fp16", "int8")
WHOLE = ("tflite", "executorch")  # targets with labs for every precision


def main() -> None:
    """Convert, run the labs, and save what they found."""
    options = _options()
    ready = catalogue.ready(catalogue.choose(options.labs))
    rows: list[LabRow] = []
    with tempfile.TemporaryDirectory() as scratch:
        # Files built with another table of forms have other operations.
        kept = (options.artifacts or Path(scratch)) / provenance.digest()[:12]
        for artifact in _artifacts(options, kept):
            for verdict in session.run(artifact, ready).verdicts:
                manifest = artifact.manifest
                row = LabRow(
                    model=manifest.model.name,
                    target=manifest.target,
                    precision=manifest.precision,
                    verdict=verdict,
                )
                rows.append(row)
                print(row.name, verdict.lab, verdict.arithmetic, verdict.summary, flush=True)
    result = results.Labs(forms_sha256=provenance.digest(), rows=tuple(rows))
    save(options.out, result)
    print(results.table(result))


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
    return arguments.parse_args()


def _artifacts(options: argparse.Namespace, folder: Path) -> Iterator[Artifact]:
    """Every artifact to run, by model."""
    whole = [Format(*to) for to in itertools.product(WHOLE, options.precisions)]
    others = [Format(target, "fp16") for target in registry.names() if target not in WHOLE]
    for model, to in itertools.product(options.models, (*whole, *others)):
        yield converted(model, to, folder)


if __name__ == "__main__":
    main()
