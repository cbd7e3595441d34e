"""slide-mobile predict."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.printing import Fact, escape, new_table, print_facts, print_next
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError

if TYPE_CHECKING:
    from slide_mobile.pipeline.predict import Answers, Prediction, Predictions

EXAMPLES = """
\b
Examples:
  slide-mobile predict artifacts/slide_swin_demo-tflite-int8 photo.jpg
  slide-mobile predict artifacts/slide_swin_demo-tflite-int8 photos/ \\
      --csv predictions.csv
  slide-mobile predict artifacts/slide_pvt_v2_b1-features-coreml-fp16 \\
      photo.jpg --out maps
"""
MOST_TOP = 1000
WITHOUT_WEIGHTS = "the model has random weights, so its answers mean nothing"


@click.command(epilog=EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--top",
    type=click.IntRange(1, MOST_TOP),
    help="Number of classes to give for each image.  [default: 5 for one image, 1 for several; "
    f"1<=x<={MOST_TOP}]",
    show_default=False,
)
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write the answers as CSV.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for pictures of feature maps, with --task features.",
)
@verb
def predict(
    session: Session,
    artifact: Path,
    images: tuple[Path, ...],
    top: int | None,
    table: Path | None,
    out: Path | None,
) -> int:
    """Run ARTIFACT on IMAGES, and print what it answers.

    IMAGES are image files, or folders of them. Each image is cropped and resized to the model's
    input, as in calibration, and run by the runtime of this machine. A classifier answers with its
    likeliest classes, a backbone with its feature maps.

    Exit code 2 means that an image could not be read; the others are still answered. The times are
    of one run each: `bench` measures.
    """
    from slide_mobile.pipeline import predict

    if not images:
        raise UsageError("no image given: slide-mobile predict ARTIFACT IMAGE...")
    session.progress("look for images")
    found = predict.image_files(images)
    answers = predict.predict(
        artifact,
        found,
        top=top or (predict.TOP if len(found) == 1 else 1),
        pictures=out is not None,
        progress=session.progress,
    )
    written = [] if out is None else _write_pictures(answers, out)
    if table is not None:
        _write_csv(answers.document, table)
    for reason in answers.document.unreadable:
        session.warn(reason)
    session.emit(answers.document, lambda console: _print(console, answers.document, written))
    return 2 if answers.document.unreadable else 0


def _print(console: Console, document: "Predictions", written: list[Path]) -> None:
    """The answers, the times, and the commands that follow."""
    first = document.predictions[0]
    console.print(_classes(document) if first.classes else _maps(document))
    console.print()
    print_facts(console, _facts(document, first))
    for path in written:
        console.print(escape(str(path)), soft_wrap=True)
    print_next(console, ("slide-mobile", "bench", document.artifact))


def _facts(document: "Predictions", first: "Prediction") -> list[Fact]:
    """What ran the file, how long it took, and whether to believe it."""
    runs = sorted(each.run_ms for each in document.predictions)
    reads = sorted(each.read_ms for each in document.predictions)
    middle = len(runs) // 2
    facts = [
        ("run by", escape(document.runtime)),
        (
            "time",
            f"load {document.load_ms:.0f} ms, read {reads[middle]:.1f} ms, "
            f"run {runs[middle]:.1f} ms{' (medians)' if len(runs) > 1 else ''}",
        ),
    ]
    if first.classes and not document.trained:
        facts.append(("[yellow]note[/]", WITHOUT_WEIGHTS))
    return facts


def _classes(document: "Predictions") -> Table:
    """The likeliest classes of each image."""
    table = new_table("image", "class", Column("probability", justify="right"))
    for each in document.predictions:
        for place, item in enumerate(each.classes):
            name = "" if place else escape(each.image)
            table.add_row(name, escape(item.label), f"{item.probability:.2%}")
    return table


def _maps(document: "Predictions") -> Table:
    """The feature maps of each image."""
    table = new_table("image", "map", "shape", Column("values", justify="right"))
    for each in document.predictions:
        for place, item in enumerate(each.maps):
            name = "" if place else escape(each.image)
            values = f"{item.lowest:.3g} to {item.highest:.3g}"
            table.add_row(name, item.name, " x ".join(map(str, item.shape)), values)
    return table


def _write_pictures(answers: "Answers", folder: Path) -> list[Path]:
    """Write each feature map as a gray PNG; raises OutputError, UsageError for a classifier."""
    from PIL import Image

    from slide_mobile.artifact import atomic

    if not answers.pictures:
        raise UsageError("--out is for feature maps, and this model is a classifier: leave it out")
    written = []
    for (number, name), picture in answers.pictures.items():
        stem = Path(answers.document.predictions[number].image).stem
        path = folder / f"{number:02d}-{stem}-{name}.png"
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        atomic.write_file(path, buffer.getvalue())
        written.append(path)
    return written


def _write_csv(document: "Predictions", path: Path) -> None:
    """Write a row for each image; raises OutputError, UsageError for feature maps."""
    from slide_mobile.artifact import atomic

    count = len(document.predictions[0].classes)
    if not count:
        raise UsageError("--csv is for classes, and this model gives feature maps: leave it out")
    text = io.StringIO()
    rows = csv.writer(text)
    columns = [f"{kind}_{i}" for i in range(1, count + 1) for kind in ("class", "probability")]
    rows.writerow(["image", *columns, "read_ms", "run_ms"])
    for each in document.predictions:
        answer = [x for item in each.classes for x in (item.label, f"{item.probability:.6f}")]
        rows.writerow([each.image, *answer, f"{each.read_ms:.3f}", f"{each.run_ms:.3f}"])
    atomic.write_file(path, text.getvalue().encode("utf-8", "backslashreplace"))
