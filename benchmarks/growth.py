"""Latency against the size of the image, on LiteRT with XNNPACK: ours beside Swin.

    python -m benchmarks.growth [--models OURS SWIN] [--sizes 224 288 384 512]
        [--precisions fp32] [--runs 30] [--files DIR] [--out benchmarks/results/growth.json]

Files are built as `benchmarks.whole` builds them and may share its --files. All of them are timed
in turn in one process, one thread, medians; a spread (p90 over median) above 10 % is marked
invalid. Where the windows of the later stages do not divide the map, both models pad it; in the
deploy form only the products of tokens see the padding.
"""

from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.gates import OURS, SWIN
from benchmarks.lib.measuring import built_and_timed, candidates
from benchmarks.lib.results import growth
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.files import GraphForm, Timed
from benchmarks.lib.results.growth import Grown
from slide_mobile.bench import amx

SIZES = (224, 288, 384, 512)  # pixels a side
TARGET = "tflite"
# Our time per pixel may grow by so much: the spread that a valid run may have.
GATE = 1.10
BASELINE_FORMS: tuple[GraphForm, ...] = ("deploy", "published")


def main() -> None:
    """Build every size, time all, and save."""
    arguments = parser(__doc__, out="growth.json", runs=30)
    arguments.add_argument(
        "--models", nargs="+", default=(OURS, SWIN), help="models to time; the first is ours"
    )
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    arguments.add_argument("--precisions", nargs="+", default=("fp32",))
    add_files(arguments)
    options = arguments.parse_args()
    amx.renounce()
    ours, *baselines = options.models
    sides = {(ours, "deploy"), *((name, form) for name in baselines for form in BASELINE_FORMS)}
    wanted = [
        candidate
        for side in options.sizes
        for candidate in candidates(options.models, [TARGET], (side, side))
        if (candidate.model, candidate.form) in sides and candidate.precision in options.precisions
    ]
    rows, refused = built_and_timed(wanted, options.files, threads=[1], runs=options.runs)
    result = growth.Growth(
        environment=environment([TARGET], threads=1, runs=options.runs),
        rows=grown(rows, baselines=baselines),
        refused=refused,
    )
    save(options.out, result)
    print(growth.table(result))


def grown(rows: Sequence[Timed], *, baselines: Iterable[str] = (SWIN,)) -> tuple[Grown, ...]:
    """The rows with their growth per pixel and their ratios to the baselines.

    A ratio of which one side is invalid or missing is left out.
    """
    measured = {(r.model, r.form, r.precision, r.size): r for r in rows}
    smallest = min((r.size for r in rows), default=(1, 1))
    pairs = [(name, form) for name in baselines for form in BASELINE_FORMS]
    found = []
    for row in rows:
        others = {
            f"{name}_{form}": _over(row, measured.get((name, form, row.precision, row.size)))
            for name, form in pairs
        }
        first = _over(row, measured.get((row.model, row.form, row.precision, smallest)))
        pixels = row.size[0] * row.size[1] / (smallest[0] * smallest[1])
        found.append(
            Grown(
                **msgspec.structs.asdict(row),
                a_pixel_to_first=msgspec.UNSET if first is None else round(first / pixels, 3),
                ratios={name: round(x, 3) for name, x in others.items() if x is not None},
            )
        )
    return tuple(found)


def _over(row: Timed, other: Timed | None) -> float | None:
    """Latency over that of another row, if both are valid."""
    if other is None or not (row.valid and other.valid):
        return None
    return row.p50_ms / other.p50_ms


if __name__ == "__main__":
    main()
