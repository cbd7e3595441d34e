"""Every family's Slide model beside its parent, on LiteRT with XNNPACK, one thread.

    python -m benchmarks.families [--pairs slide_pvt_tiny:pvt_tiny ...] [--runs 30]
        [--files DIR] [--out benchmarks/results/families.json]

Both models as published and in their deploy form, in fp32 and int8; the files of a pair are timed
in turn in one process, as `benchmarks.whole` does it. Other pairs in the output file are kept if
they were measured in the same environment.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.measuring import PRECISIONS, built_and_timed, candidates
from benchmarks.lib.results import families
from benchmarks.lib.results.document import Environment, environment, read, save
from benchmarks.lib.results.families import Families, FamilyRatios
from benchmarks.lib.results.files import GraphForm, Refused, Timed
from slide_mobile.bench import amx

PAIRS = (
    "slide_pvt_tiny:pvt_tiny",
    "slide_pvt_small:pvt_small",
    "slide_pvt_v2_b1:pvt_v2_b1",
    "slide_cswin_small:cswin_small",
    "slide_nat_tiny:nat_tiny",
)
TARGET = "tflite"

R = TypeVar("R", bound=Timed | Refused | FamilyRatios)


def main() -> None:
    """Measure pair by pair; each is saved as soon as it is measured."""
    arguments = parser(__doc__, out="families.json", runs=30)
    arguments.add_argument("--pairs", nargs="+", default=PAIRS, help="pairs of models, OURS:PARENT")
    add_files(arguments)
    options = arguments.parse_args()
    amx.renounce()
    result = earlier(options.out, environment([TARGET], runs=options.runs))
    for pair in options.pairs:
        new = measured(pair, result.environment, options.files, options.runs)
        result = merged(result, new)
        save(options.out, result)
        print(families.table(new))


def measured(pair: str, where: Environment, folder: Path | None, runs: int) -> Families:
    """The rows and ratios of one pair."""
    ours, parent = pair.split(":")
    wanted = [c for c in candidates((ours, parent), [TARGET]) if c.form != "floor"]
    rows, refused = built_and_timed(wanted, folder, threads=[1], runs=runs)
    return Families(
        environment=where,
        ratios=ratios(rows, ours, parent),
        rows=tuple(msgspec.structs.replace(r, pair=pair) for r in rows),
        refused=tuple(msgspec.structs.replace(r, pair=pair) for r in refused),
    )


def earlier(path: Path, where: Environment) -> Families:
    """What a file holds if it was measured in this environment, else nothing."""
    if path.exists() and (found := read(path, Families)).environment == where:
        return found
    return Families(environment=where, ratios=(), rows=())


def merged(old: Families, new: Families) -> Families:
    """Both results in the order of PAIRS; a pair that both have is taken from the new one."""
    return Families(
        environment=new.environment,
        ratios=_placed(old.ratios, new.ratios),
        rows=_placed(old.rows, new.rows),
        refused=_placed(old.refused, new.refused),
    )


def _placed(old: Sequence[R], new: Sequence[R]) -> tuple[R, ...]:
    """Old and new rows in the order of PAIRS; new ones replace old ones of the same pair."""
    replaced = {row.pair for row in new}
    rows: list[R] = [*(row for row in old if row.pair not in replaced), *new]
    places = {pair: place for place, pair in enumerate(PAIRS)}
    return tuple(sorted(rows, key=lambda row: places.get(str(row.pair), len(PAIRS))))


def ratios(rows: Sequence[Timed], ours: str, parent: str) -> tuple[FamilyRatios, ...]:
    """Our latency over the parent's, in each precision."""
    found = {(r.model, r.form, r.precision): r.p50_ms for r in rows if r.valid}

    def ratio(form: GraphForm, other: GraphForm, precision: str) -> float | None:
        """Our latency in one form over the parent's in another; None if either is missing."""
        own, base = found.get((ours, form, precision)), found.get((parent, other, precision))
        return None if own is None or base is None else round(own / base, 3)

    return tuple(
        FamilyRatios(
            pair=f"{ours}:{parent}",
            ours=ours,
            parent=parent,
            precision=precision,
            deploy=ratio("deploy", "deploy", precision),
            deploy_to_published=ratio("deploy", "published", precision),
            published=ratio("published", "published", precision),
        )
        for precision in PRECISIONS
    )


if __name__ == "__main__":
    main()
