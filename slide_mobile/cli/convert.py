"""slide-mobile convert."""

import resource
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console

from slide_mobile import recipes, tasks
from slide_mobile.artifact.documents import NonNegative, Positive, Sha256, Text
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.cli import completion
from slide_mobile.cli import parity as printed
from slide_mobile.cli.inspect import GIVEN_BACK, delegation
from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import UsageError
from slide_mobile.parity import source
from slide_mobile.parity.source import DEMO, CalibrationImages, ModelSource
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format

if TYPE_CHECKING:
    from slide_mobile.artifact.folder import Artifact

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
            input_size=None if input_size is None else source.size(input_size),
            normalization=source.normalization(mean, std),
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


def _peak_rss_bytes() -> int:
    # Of this process or of its largest child, such as onnx2tf.
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts kibibytes


def _print(console: Console, artifact: "Artifact", seconds: float) -> None:
    manifest, root = artifact.manifest, str(artifact.root)
    parity, graph, accuracy = manifest.parity, manifest.graph, manifest.accuracy
    goal = recipes.lookup(manifest.precision).goal_sqnr_db
    console.print(f"[bold green]passed[/]  {escape(root)}  ({seconds:.0f} s)")
    console.print(f"  file      {manifest.file}, {manifest.size_bytes / 1e6:.2f} MB")
    for line in printed.lines(parity, goal_db=goal):
        console.print(line)
    console.print(f"  run by    {escape(parity.runtime)}")
    if accuracy is not None:
        console.print(
            f"  accuracy  top-1 {accuracy.top1:.2%}, PyTorch {accuracy.reference_top1:.2%}, "
            f"on {accuracy.images} held-out images"
        )
    console.print(
        f"  graph     {graph.total_ops} operations, delegate: {delegation(graph)}, "
        f"rank <= {graph.max_rank}, "
        f"int8 {graph.int8_mac_fraction:.0%} of multiply-adds"
    )
    if manifest.float_modules:
        console.print(f"  float     {escape(', '.join(manifest.float_modules))} {GIVEN_BACK}")
    for note in manifest.notes:
        console.print(f"  [yellow]note[/]      {escape(note)}")
    if not manifest.model.trained:
        console.print("  [yellow]note[/]      untrained weights: for benchmarks only")
    path = escape(shlex.quote(root))
    console.print(f"next:\n  slide-mobile check {path}\n  slide-mobile inspect {path}")
