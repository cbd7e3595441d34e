"""super_resolution.json: what a trained network of somebody else loses in our files."""

from benchmarks.lib.results.document import Measured, Row
from benchmarks.lib.results.markdown import grid
from slide_mobile.artifact.documents import Count, Decibels, Finite, Fraction, Name, Positive, Text


class Upscaled(Row, frozen=True, kw_only=True):
    """One way to double photographs; PSNR is that of Y, in dB, on the mean of all crops.

    `worst_lost_db` is what the worst crop loses against PyTorch.
    """

    by: Name
    psnr_db: Decibels
    worst_lost_db: Finite


class FileRow(Upscaled, frozen=True, kw_only=True):
    """The same by a file, with facts about the file."""

    target: Name
    precision: Name
    runtime: Text
    sqnr_db: Decibels
    size_bytes: Positive
    partitions: Count
    outside: Count
    max_rank: Count
    int8_mac_fraction: Fraction
    rewritten: Count
    left: Count
    float_modules: tuple[Name, ...]


class SuperResolution(Measured, frozen=True, kw_only=True):
    """The whole file: PyTorch and bicubic interpolation, and one row for each file."""

    network: Text
    photographs: Text
    crops: Positive
    baselines: tuple[Upscaled, ...]
    rows: tuple[FileRow, ...]


def table(result: SuperResolution) -> str:
    """PSNR of every way, and facts about the files."""
    lines = [
        [row.by, f"{row.psnr_db:.2f}", f"{row.worst_lost_db:+.2f}", *[""] * 4]
        for row in result.baselines
    ]
    for row in result.rows:
        outside = f"{row.partitions}, {row.outside} outside" if row.partitions else "no delegate"
        lines.append(
            [
                row.by,
                f"{row.psnr_db:.2f}",
                f"{row.worst_lost_db:+.2f}",
                f"{row.sqnr_db:.1f} dB",
                f"{row.size_bytes / 1e6:.2f} MB",
                outside,
                f"{row.int8_mac_fraction:.0%}, {len(row.float_modules)} in float",
            ]
        )
    title = (
        f"{result.network} on {result.crops} crops of {result.photographs}, PSNR of Y in dB; the "
        "worst crop is what one crop loses at most against PyTorch:"
    )
    head = ["by", "PSNR", "worst crop", "SQNR", "size", "partitions", "int8"]
    return grid(title, head, 1, lines)
