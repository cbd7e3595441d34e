"""Estimated cycles on phones' cores of our files and of the published graphs of their parents.

    slide-mobile lab setup cost
    python -m benchmarks.phones [--pairs OURS:PARENT ...] [--cores a76 a55] [--files DIR]
        [--out benchmarks/results/phone_cycles.json]

Ours is the deploy form tuned for the core, the parent is published or deployed. An estimate, see
docs/lab.md. Random weights. Rows that the output file has are kept, unless the table of forms has
changed since.
"""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from msgspec import UNSET

from benchmarks.lib import provenance
from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.building import drawings
from benchmarks.lib.estimating import kinds
from benchmarks.lib.measuring import PRECISIONS, build_all
from benchmarks.lib.results import phones
from benchmarks.lib.results.document import read, save
from benchmarks.lib.results.files import Candidate, Refused
from benchmarks.lib.results.phones import PhoneCycles, PhoneRow
from slide_mobile import models
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.targets import tuning

PAIRS = ("slide_swin_tiny:swin_tiny",)
CORES = ("a76", "a55")


def main() -> None:
    """Build, estimate what is missing, and save after each file."""
    arguments = parser(__doc__, out="phone_cycles.json")
    arguments.add_argument("--pairs", nargs="+", default=PAIRS)
    arguments.add_argument("--cores", nargs="+", default=CORES)
    arguments.add_argument("--precisions", nargs="+", default=PRECISIONS)
    add_files(arguments)
    options = arguments.parse_args()
    found = read(options.out, PhoneCycles) if options.out.exists() else None
    kept = found.rows if found and found.forms_sha256 == provenance.digest() else ()
    rows = {row.key: row for row in kept}
    wanted = candidates(options.pairs, options.cores, options.precisions)
    with tempfile.TemporaryDirectory() as scratch:
        for core, candidate in wanted:
            key = (candidate.model, candidate.form, candidate.precision, core)
            if key in rows:
                continue
            rows[key] = row(candidate, core, options.files or Path(scratch))
            result = PhoneCycles(forms_sha256=provenance.digest(), rows=tuple(rows.values()))
            save(options.out, result)
    print(phones.table(read(options.out, PhoneCycles)))


def candidates(
    pairs: Sequence[str], cores: Sequence[str], precisions: Sequence[str]
) -> Iterator[tuple[str, Candidate]]:
    """Every file, and the core that it is estimated on."""
    for pair, precision, core in product(pairs, precisions, cores):
        ours, parent = pair.split(":")
        for model, form in ((ours, "deploy"), (parent, "published")):
            yield (
                core,
                Candidate(
                    model=model,
                    form="deploy" if form == "deploy" else "published",
                    target="tflite",
                    precision=precision,
                    size=models.spec(model).input_size,
                    tune=tuning.known(core) if form == "deploy" else UNSET,
                ),
            )


def row(candidate: Candidate, core: str, folder: Path) -> PhoneRow:
    """The estimate of a candidate, whose file is built if it is not there."""
    (file,) = build_all([candidate], folder)
    if isinstance(file, Refused):
        raise SystemExit(f"{file.name}: {file.error}")
    (image,) = drawings(GOLDEN_SEED, 1, candidate.size)
    return PhoneRow(
        model=candidate.model,
        form=candidate.form,
        precision=candidate.precision,
        core=core,
        sqnr_db=file.sqnr_db,
        partitions=file.partitions,
        kinds=kinds(candidate.path(folder), image, core),
    )


if __name__ == "__main__":
    main()
