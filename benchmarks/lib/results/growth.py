"""growth.json: latency against the size of the image."""

from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Measured
from benchmarks.lib.results.files import Refused, Timed
from benchmarks.lib.results.markdown import grid, milliseconds
from slide_mobile.artifact.documents import NonNegative, Text


class Grown(Timed, frozen=True, kw_only=True):
    """A file at one image size.

    `a_pixel_to_first` is its time per pixel over the same at the smallest size; `ratios` are its
    latency over each baseline's at the same size. A ratio with an invalid side is left out.
    """

    a_pixel_to_first: NonNegative | UnsetType = UNSET
    ratios: dict[Text, NonNegative]


class Growth(Measured, frozen=True, kw_only=True):
    """The whole file."""

    rows: tuple[Grown, ...]
    refused: tuple[Refused, ...] = ()


def table(result: Growth) -> str:
    """Latency at each size, its growth per pixel, and its ratio to each baseline."""
    where = result.environment
    title = (
        f"Latency against image size, LiteRT with XNNPACK, {where.amx}, one thread, "
        f"{where.cpu}, medians of {where.runs} interleaved runs. In the later stages, maps are "
        "padded to whole windows:"
    )
    baselines = sorted({name for r in result.rows for name in r.ratios})
    head = ["model", "form", "precision", "size", "ms", "ms a pixel / smallest"]
    head += [f"/ {name.replace('_', ' ')}" for name in baselines]
    lines = []
    for r in result.rows:
        pixel = "" if r.a_pixel_to_first is UNSET else f"{r.a_pixel_to_first:.2f}"
        ratios = [f"{r.ratios[name]:.2f}" if name in r.ratios else "" for name in baselines]
        lines.append([*_name(r), milliseconds(r.p50_ms, r.valid), pixel, *ratios])
    lines += [[*_name(r), "refused", *[""] * (1 + len(baselines))] for r in result.refused]
    return grid(title, head, 4, lines)


def _name(r: Timed | Refused) -> list[str]:
    """The first cells of a line."""
    return [r.model, r.form, f"`{r.precision}`", "x".join(map(str, r.size))]
