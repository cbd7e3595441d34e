"""curve.json: accuracy against time, beside the paper's own reading."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.files import Candidate
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Milliseconds, NonNegative, Positive, Text

PRECISIONS = ("fp32", "int8")
# Milliseconds on an iPhone 12, read off figure "exp_speed" of the paper; 1.5 ms to either side, and
# 3 ms for Im2Col. Sizes belong to points by their accuracy: the plot does not name them.
PAPER_MS: Mapping[str, float] = {
    **{"swin_tiny": 152, "swin_small": 298, "swin_base": 530},
    **{"slide_swin_tiny": 178, "slide_swin_small": 315},
    **{"pvt_small": 129, "pvt_medium": 219, "pvt_large": 327},
    **{"slide_pvt_small": 194, "slide_pvt_medium": 274},
    **{"im2col_swin_tiny": 432, "im2col_swin_small": 785, "im2col_swin_base": 1221},
    **{"im2col_pvt_small": 450, "im2col_pvt_medium": 676, "im2col_pvt_large": 1008},
}
# What the paper sets side by side: another model, and ours of the same accuracy or a better one.
PAIRS = (
    ("swin_base", "slide_swin_small"),
    ("pvt_large", "slide_pvt_small"),
    ("im2col_swin_base", "slide_swin_small"),
    ("im2col_pvt_large", "slide_pvt_medium"),
)
# The same sizes side by side, which the paper does not print.
TWINS = (
    *((f"im2col_swin_{size}", f"slide_swin_{size}") for size in ("tiny", "small")),
    *((f"im2col_pvt_{size}", f"slide_pvt_{size}") for size in ("small", "medium")),
    *((f"swin_{size}", f"slide_swin_{size}") for size in ("tiny", "small")),
    *((f"pvt_{size}", f"slide_pvt_{size}") for size in ("small", "medium")),
)


class CoreCycles(Row, frozen=True, kw_only=True):
    """The estimate for a core of a phone, computing and memory."""

    core: Text
    cycles: Positive


class Point(Candidate, frozen=True, kw_only=True):
    """A file: the paper's accuracy in percent, our least time here, and estimates by core.

    `ms` is None where the file was not timed.
    """

    top1: NonNegative
    ms: Milliseconds | None
    estimates: tuple[CoreCycles, ...]

    def on(self, axis: str) -> float | None:
        """Milliseconds on MACHINE, or cycles on the core of this name."""
        if axis == MACHINE:
            return self.ms
        return next((each.cycles for each in self.estimates if each.core == axis), None)


class Curve(Measured, frozen=True, kw_only=True):
    """The whole file.

    `wanted` names the files of the whole curve, `missing` those of them that were not built, timed
    and estimated.
    """

    executed_by: Text
    simulated_by: tuple[Text, ...]
    cores: tuple[Text, ...]
    points: tuple[Point, ...]
    wanted: tuple[Text, ...] = ()
    missing: tuple[Text, ...] = ()


MACHINE = "this machine"


@dataclass(frozen=True)
class Side:
    """One side of a comparison."""

    model: str
    form: str


def table(result: Curve) -> str:
    """A line for each file, then ratios."""
    return "\n".join([_points(result), _ratios(result)])


def _points(result: Curve) -> str:
    where = result.environment
    title = (
        "Accuracy (the papers') against time: LiteRT with XNNPACK, one thread, 224x224, random "
        f"weights, least times of pieces of half a millisecond in {where.runs} interleaved runs on "
        f"{where.cpu} {where.amx}; and "
        f"estimated cycles, not measured, of {' and '.join(result.cores)} "
        f"({result.executed_by}, {', '.join(result.simulated_by)}):"
    )
    head = ["model", "form", "precision", "top-1", "iPhone 12, the paper's", "here"]
    head += [f"{core}, estimated" for core in result.cores]
    lines = [_cells(point, result.cores) for point in result.points]
    return grid(title, head, 3, lines) + _missing(result)


def _missing(result: Curve) -> str:
    """What the table lacks."""
    if not result.missing:
        return ""
    return (
        f"\nNot complete yet: {len(result.missing)} of {len(result.wanted)} files were not built, "
        "timed and estimated. They have no row, or empty cells.\n"
    )


def _cells(point: Point, cores: Iterable[str]) -> list[str]:
    paper = PAPER_MS.get(point.model)
    cells = [point.model, point.form, f"`{point.precision}`", f"{point.top1:.1f}"]
    cells += ["" if paper is None else f"{paper:.0f} ms"]
    cells += ["" if point.ms is None else f"{point.ms:.1f} ms"]
    for core in cores:
        cycles = point.on(core)
        cells.append("" if cycles is None else f"{cycles / 1e6:.0f} M")
    return cells


def _ratios(result: Curve) -> str:
    """Lines for what the paper sets side by side, and for equal sizes; ours in our form."""
    title = (
        "How many times faster ours is, in the form that `convert` ships; the other as published, "
        "and in brackets in the form that `convert` ships of it. The paper's column is read off "
        "its plot (iPhone 12):"
    )
    columns = [(axis, p) for axis in (MACHINE, *result.cores) for p in PRECISIONS]
    head = ["", "the paper", *(f"{_axis(axis)}, {precision}" for axis, precision in columns)]
    lines = []
    for other, ours in (*PAIRS, *TWINS):
        cells = [ratio(result, other, ours, axis, precision) for axis, precision in columns]
        paper = f"{PAPER_MS[other] / PAPER_MS[ours]:.2f}"
        if any(cells):
            lines.append([f"{other} / {ours}", paper, *cells])
    return grid(title, head, 1, lines)


def _axis(axis: str) -> str:
    return "here" if axis == MACHINE else f"{axis}, estimated"


def ratio(result: Curve, other: str, ours: str, axis: str, precision: str) -> str:
    """Times of another model over ours: "published (ours of it)"; nothing where one is missing."""
    own = value(result, Side(ours, "deploy"), axis, precision)
    published = value(result, Side(other, "published"), axis, precision)
    deployed = value(result, Side(other, "deploy"), axis, precision)
    if own is None:
        return ""
    words = ["" if published is None else f"{published / own:.2f}"]
    words += [] if deployed is None else [f"({deployed / own:.2f})"]
    return " ".join(filter(None, words))


def value(result: Curve, side: Side, axis: str, precision: str) -> float | None:
    """What a file took on an axis; None where that is not known."""
    wanted = (side.model, side.form, precision)
    for point in result.points:
        if (point.model, point.form, point.precision) == wanted:
            return point.on(axis)
    return None
