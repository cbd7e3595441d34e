"""Which older TFLite runtimes run our files, and compute what PyTorch computes.

    slide-mobile doctor --install tflite-runtime-2.14 tensorflow-2.17 ...
    python -m benchmarks.runtimes [--models M ...] [--runtimes R ...] [--via-onnx]
        [--artifacts DIR] [--confirmed FILE] [--out benchmarks/results/runtimes.json]

Every precision of the models runs on every runtime, each in a process of its own: an old runtime
may abort on a new file. slide_swin_test has padded windows, which the other models do not have at
their own size. A run counts if its logits for the artifact's golden images are within the floor of
the precision. The operations of files that count are written to the converter's confirmed.json,
from which `inspect` knows the oldest release that runs a file.
"""

import argparse
import itertools
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.lib import provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.artifacts import converted
from benchmarks.lib.results import runtimes
from benchmarks.lib.results.document import save
from benchmarks.lib.results.runtimes import RuntimeRow
from slide_mobile.artifact import golden
from slide_mobile.artifact.atomic import write_file
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.lab import runtimes as lab
from slide_mobile.lab import subject
from slide_mobile.lab.process import WorkerFailed
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.source import DEMO
from slide_mobile.recipes import RECIPES
from slide_mobile.targets import environments, registry
from slide_mobile.targets.format import Format
from slide_mobile.tasks import LOGITS
from slide_mobile_converters.tflite import operations, versions

RUNTIMES = ("tflite-runtime-2.14", "tensorflow-2.17", "tensorflow-2.18", "tensorflow-2.19")
MODELS = (DEMO, "slide_swin_test", "slide_swin_tiny")
PRECISIONS = registry.load("tflite").BACKENDS["xnnpack"]


def main() -> None:
    """Run every file on every runtime, and save what was found and confirmed."""
    options = _options()
    for runtime in options.runtimes:
        environments.python_of(runtime)  # all are there, or none is tried
    rows: list[RuntimeRow] = []
    confirmed: dict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as scratch:
        # Files built with another table of forms have other operations.
        kept = (options.artifacts or Path(scratch)) / provenance.digest()[:12]
        for artifact, via in artifacts(options.models, options.via_onnx, kept):
            subgraphs, _ = operations.parse(artifact.model_path.read_bytes())
            signatures = {versions.signature(op) for ops in subgraphs for op in ops}
            for runtime in options.runtimes:
                row = run(artifact, runtime, via)
                rows.append(row)
                print(row.model, row.precision, row.via, row.runtime, row.outcome, flush=True)
                if row.works and row.release is not None:
                    for signature in signatures:
                        confirmed[signature].add(row.release)
    result = runtimes.Runtimes(forms_sha256=provenance.digest(), rows=tuple(rows))
    save(options.out, result)
    write_file(options.confirmed, confirmed_json(confirmed))
    print(runtimes.table(result))


def _options() -> argparse.Namespace:
    """The options of the command line."""
    arguments = parser(__doc__, out="runtimes.json")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument("--runtimes", nargs="+", default=RUNTIMES)
    arguments.add_argument(
        "--via-onnx", action="store_true", help="also run the demo from onnx2tf (slow)"
    )
    arguments.add_argument("--confirmed", type=Path, default=versions.CONFIRMED)
    arguments.add_argument(
        "--artifacts",
        type=Path,
        help="keep and reuse artifacts in this folder (empty it after changing a converter)",
    )
    return arguments.parse_args()


def artifacts(
    models: tuple[str, ...], via_onnx: bool, folder: Path
) -> Iterator[tuple[ArtifactFolder, str]]:
    """Every artifact to run, with the exporter that made it; those in the folder are used."""
    wanted = list(itertools.product(models, ("litert",), PRECISIONS))
    wanted += itertools.product((DEMO,) * via_onnx, ("onnx",), PRECISIONS)
    for model, via, precision in wanted:
        yield converted(model, Format("tflite", precision, via=via), folder / via), via


def run(artifact: ArtifactFolder, runtime: str, via: str) -> RuntimeRow:
    """The artifact's golden images on one runtime, beside PyTorch's logits for them."""
    manifest = artifact.manifest
    row = partial(
        RuntimeRow,
        model=manifest.model.name,
        precision=manifest.precision,
        via=via,
        runtime=runtime,
    )
    try:
        ran = lab.run(runtime, artifact, subject.in_layout(manifest, golden.images(artifact)))
    except WorkerFailed as error:  # without the paths of this machine
        said = str(error).replace(str(artifact.root.absolute()), "")
        return row(release=None, works=False, error=said)
    db = sqnr_db(golden.read(artifact).outputs[LOGITS], ran.outputs[LOGITS])
    works = bool(db >= RECIPES[manifest.precision].min_sqnr_db)
    return row(release=ran.said.release, works=works, sqnr_db=round(db, 1))


def confirmed_json(confirmed: Mapping[str, set[str]]) -> str:
    """The converter's confirmed.json: releases by operation, a line each."""
    table = {name: versions.in_order(confirmed[name]) for name in sorted(confirmed)}
    lines = [f"  {json.dumps(name)}: {json.dumps(releases)}" for name, releases in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
