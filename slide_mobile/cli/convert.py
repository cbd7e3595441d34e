"""slide-mobile convert."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console

from slide_mobile import recipes, tasks
from slide_mobile.artifact.documents import NonNegative, Positive, Sha256, Text
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.cli import completion
from slide_mobile.cli.facts import parity_facts, short_graph_facts
from slide_mobile.cli.printing import Fact, mark, print_facts, print_next
from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import UsageError
from slide_mobile.parity.source import DEMO, CalibrationImages, ModelSource
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format

if TYPE_CHECKING:
    from slide_mobile.artifact.folder import Artifact

MOST_DIGITS = 9  # of a number of pixels; Python refuses to read one of thousands
# A converter knows its own names, but reading them would import its toolchain.
OF_THE_TARGET = "[default: the target's first; a wrong name lists them]"
EXAMPLES = """
\b
Examples:
  slide-mobile convert --to tflite --int8
  slide-mobile convert slide_swin_tiny --checkpoint slide_swin_t.pth --to tflite \\
      --int8 --calibration photos/ --labels imagenet.txt
  slide-mobile convert slide_swin_tiny --untrained --to tflite --fp16
  slide-mobile convert slide_pvt_v2_b1 --checkpoint pvt.pth --to coreml \\
      --task features --input-size 512x896
"""


class ConvertDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `convert --json`; the manifest's sha256 is over the bytes of its file."""

    artifact: Text
    seconds: NonNegative
    peak_rss_bytes: Positive
    manifest_sha256: Sha256
    manifest: Manifest


@click.command(epilog=EXAMPLES)
@click.argument("model", default=DEMO, shell_complete=completion.models)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="TARGET",
    help=", ".join(registry.names()),
    shell_complete=completion.target_names,
)
@click.option(
    "--precision",
    metavar="NAME",
    shell_complete=completion.precisions,
    help=f"{', '.join(recipes.RECIPES)}  [default: the target's first]",
)
@click.option("--int8", is_flag=True, help="Same as --precision int8.")
@click.option("--fp16", is_flag=True, help="Same as --precision fp16.")
@click.option(
    "--task",
    type=click.Choice(tasks.TASKS),
    default=tasks.TASKS[0],
    show_default=True,
    help="features: the maps of the four stages (strides 4, 8, 16, 32), no classifier.",
)
@click.option("--checkpoint", type=click.Path(path_type=Path), help=".pth, .pt or .safetensors")
@click.option("--untrained", is_flag=True, help="Seeded random weights, for benchmarks only.")
@click.option(
    "--num-classes", type=click.IntRange(1, 100_000), help="Checked against the checkpoint."
)
@click.option("--labels", type=click.Path(path_type=Path), help="One label a line.")
@click.option("--input-size", metavar="N|HxW", help="In pixels, multiples of 32.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Folder of images, for int8.")
@click.option(
    "--calibration-samples", type=int, default=CalibrationImages.samples, show_default=True
)
@click.option("--mean", metavar="R,G,B", help="Of RGB in 0..1.  [default: ImageNet's]")
@click.option("--std", metavar="R,G,B", help="Of RGB in 0..1.  [default: ImageNet's]")
@click.option("--backend", metavar="NAME", help=f"What runs the file there.  {OF_THE_TARGET}")
@click.option("--via", metavar="ROAD", help=f"Tools that make the file.  {OF_THE_TARGET}")
@click.option("--out", type=click.Path(path_type=Path), default="artifacts", show_default=True)
@click.option("--force", is_flag=True, help="Replace an existing artifact.")
@verb
def convert(
    session: Session,
    model: str,
    target: str,
    precision: str | None,
    int8: bool,
    fp16: bool,
    task: tasks.Task,
    checkpoint: Path | None,
    untrained: bool,
    num_classes: int | None,
    labels: Path | None,
    input_size: str | None,
    calibration: Path | None,
    calibration_samples: int,
    mean: str | None,
    std: str | None,
    backend: str | None,
    via: str | None,
    out: Path,
    force: bool,
) -> None:
    """Convert MODEL, prove it against PyTorch, and write an artifact folder.

    MODEL defaults to slide_swin_demo, a small trained model that ships with the package. Any other
    needs --checkpoint or --untrained. Prints the parity with PyTorch; a file that misses its floor
    is not kept. With --task features the file is a backbone: stage1 ... stage4, each held to the
    floor, in a folder MODEL-features-...
    """
    from slide_mobile.pipeline.convert import convert

    artifact = convert(
        ModelSource(
            name=model,
            checkpoint=checkpoint,
            untrained=untrained,
            num_classes=num_classes,
            input_size=_size(input_size),
            normalization=_normalization(mean, std),
            labels=labels,
        ),
        to=Format(
            target=target,
            precision=_precision(precision, int8, fp16),
            backend=backend,
            via=via,
            task=task,
        ),
        calibration=CalibrationImages(folder=calibration, samples=calibration_samples),
        out=out,
        force=force,
        progress=session.progress,
    )
    document = ConvertDocument(
        artifact=str(artifact.root),
        seconds=round(session.seconds, 1),
        peak_rss_bytes=_peak_rss_bytes(),
        manifest_sha256=artifact.manifest_sha256,
        manifest=artifact.manifest,
    )
    session.emit(document, lambda console: _print(console, artifact, session.seconds))


def _precision(name: str | None, int8: bool, fp16: bool) -> str | None:
    asked = ([] if name is None else [name]) + ["int8"] * int8 + ["fp16"] * fp16
    if len(set(asked)) > 1:
        raise UsageError(f"choose one precision, not {' and '.join(asked)}")
    return asked[0] if asked else None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    digits = all(part.isdecimal() and len(part) <= MOST_DIGITS for part in parts)
    if len(parts) > 2 or not digits or not all(int(part) for part in parts):
        raise UsageError(
            f"--input-size takes N or HxW in pixels, such as 224 or 224x320, not {text[:40]!r}"
        )
    return int(parts[0]), int(parts[-1])


def _normalization(mean: str | None, std: str | None) -> Normalization:
    return Normalization(
        mean=IMAGENET.mean if mean is None else _triple("--mean", mean),
        std=IMAGENET.std if std is None else _triple("--std", std),
    )


def _triple(option: str, text: str) -> tuple[float, float, float]:
    try:
        r, g, b = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{option} takes three numbers such as 0.5,0.5,0.5, not {text!r}"
        ) from error
    if not all(0 <= value <= 1 for value in (r, g, b)):
        raise UsageError(f"{option} is of RGB in 0..1, got {text}; divide by 255")
    return r, g, b


def _peak_rss_bytes() -> int:
    # Of this process or of its largest child, such as onnx2tf.
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts kibibytes


def _print(console: Console, artifact: "Artifact", seconds: float) -> None:
    root = str(artifact.root)
    console.print(f"{mark(True)}  {escape(root)}  ({seconds:.0f} s)")
    print_facts(console, _facts(artifact.manifest))
    print_next(console, ("slide-mobile", "check", root), ("slide-mobile", "inspect", root))


def _facts(manifest: Manifest) -> Iterator[Fact]:
    goal = recipes.lookup(manifest.precision).goal_sqnr_db
    yield "file", f"{manifest.file}, {manifest.size_bytes / 1e6:.2f} MB"
    yield from parity_facts(manifest.parity, manifest.accuracy, goal_db=goal)
    yield from short_graph_facts(manifest.graph, float_modules=manifest.float_modules)
    for note in manifest.notes:
        yield "[yellow]note[/]", escape(note)
    if not manifest.model.trained:
        yield "[yellow]note[/]", "untrained weights: for benchmarks only"
