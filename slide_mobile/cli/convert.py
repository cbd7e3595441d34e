"""slide-mobile convert."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from slide_mobile import recipes, tasks
from slide_mobile.cli import completion, converted, several
from slide_mobile.cli.options import comma_list, full_option
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError
from slide_mobile.parity import source
from slide_mobile.parity.source import CalibrationImages, ModelSource, model_source
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.progress import Progress
from slide_mobile.targets import registry
from slide_mobile.targets.format import OUT, Format
from slide_mobile.targets.tuning import TUNES, Tune
from slide_mobile.tasks import Weights

if TYPE_CHECKING:
    from slide_mobile.artifact.folder import ArtifactFolder
    from slide_mobile.parity.own import OwnModel

# A converter knows its own names, but to read them would import its toolchain.
BY_TARGET = "each target has its own, and an unknown NAME lists them, default first"
EXAMPLES = """
\b
Examples:
  slide-mobile convert --to tflite --int8
  slide-mobile convert slide_swin_tiny --to tflite --int8 \\
      --checkpoint slide_swin_t.pth --labels imagenet.txt --calibration photos
  slide-mobile convert --to all --precision fp32,int8 --report report.html
  slide-mobile convert swin_tiny_timm.pth --to tflite --fp16
  slide-mobile convert unet.py:build --to tflite --int8 --calibration photos
  slide-mobile convert slide_swin_tiny --untrained --to tflite --fp16
  slide-mobile convert slide_pvt_v2_b1 --checkpoint pvt.pth --to coreml \\
      --task features --input-size 512x896
"""


@click.command(epilog=EXAMPLES)
@click.argument("model", required=False, shell_complete=completion.models)
@click.option(
    "--to",
    "targets",
    required=True,
    metavar="TARGET",
    help=f"Format of the file: {', '.join(registry.names())}, several with commas between them, "
    "or all.",
    shell_complete=completion.target_names,
)
@click.option(
    "--precision",
    "precisions",
    metavar="NAME",
    shell_complete=completion.precisions,
    help=f"Number format: {', '.join(recipes.RECIPES)}, or several with commas between them; the "
    "default depends on the target.",
)
@click.option("--int8", is_flag=True, help="Short for --precision int8.")
@click.option("--fp16", is_flag=True, help="Short for --precision fp16.")
@click.option(
    "--task",
    type=click.Choice(tasks.TASKS),
    default=Format.task,
    show_default=True,
    help="What the file computes: logits, or the feature maps of the four stages (strides 4, 8, "
    "16 and 32).",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Weights of the model: a .pth, .pt or .safetensors file.",
)
@click.option(
    "--weights",
    type=click.Choice(get_args(Weights)),
    help="Which weights to take where the checkpoint holds raw and averaged ones (EMA); the "
    "averaged ones by default.",
)
@click.option("--untrained", is_flag=True, help="Use seeded random weights, for benchmarks only.")
@click.option(
    "--num-classes",
    type=click.IntRange(1, 100_000),
    help="Number of classes; it must match the checkpoint.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Text file with one label on each line, in the order of the logits.",
)
@click.option(
    "--input-size",
    "--imgsz",
    metavar="N|HxW",
    help="Size of the input image in pixels; both sides must be multiples of 32, at most "
    f"{source.MOST_SIDE}.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Folder of calibration images; int8 measures the ranges of activations on them.",
)
@click.option(
    "--calibration-samples",
    type=click.IntRange(1, source.MOST_IMAGES),
    default=CalibrationImages.samples,
    show_default=True,
    help="Number of calibration images to use.",
)
@click.option(
    "--mean",
    metavar="R,G,B",
    help="RGB mean that the model expects, in 0..1; ImageNet's by default.",
)
@click.option(
    "--std", metavar="R,G,B", help="RGB standard deviation, in 0..1; ImageNet's by default."
)
@click.option(
    "--stripes",
    metavar="A,B,C",
    help="Widths of CSwin's stripes in its first three stages, which no checkpoint tells: 1,2,7 by "
    "default, 1,2,12 in CSwin's own models for 384x384.",
)
@click.option(
    "--backend", metavar="NAME", help=f"What executes the file on the device; {BY_TARGET}."
)
@click.option(
    "--tune",
    type=click.Choice(TUNES),
    default=Format.tune,
    show_default=True,
    help="Core that graph forms are chosen for; balanced is for an A76, where x86 can bear it.",
)
@click.option("--via", metavar="NAME", help=f"Exporter that writes the file; {BY_TARGET}.")
@click.option(
    "--lab",
    "labs",
    metavar="NAMES",
    help="Labs in which the file must pass, too; the command lab lists them.",
)
@full_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=OUT,
    show_default=True,
    help="Folder in which the artifact folder is created.",
)
@click.option("--force", is_flag=True, help="Replace an existing artifact.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write a report on all new artifacts, too: .html, .md or .csv.",
)
@verb
def convert(
    session: Session,
    model: str | None,
    targets: str,
    precisions: str | None,
    int8: bool,
    fp16: bool,
    task: tasks.Task,
    checkpoint: Path | None,
    weights: Weights | None,
    untrained: bool,
    num_classes: int | None,
    labels: Path | None,
    input_size: str | None,
    calibration: Path | None,
    calibration_samples: int,
    mean: str | None,
    std: str | None,
    stripes: str | None,
    backend: str | None,
    tune: Tune,
    via: str | None,
    labs: str | None,
    full: bool,
    out: Path,
    force: bool,
    report: Path | None,
) -> int:
    """Convert MODEL and check the file against PyTorch.

    Writes an artifact folder with the model file, its manifest and golden images. Each precision
    has a floor, the lowest SQNR (in dB, against PyTorch) that it may have. A file that misses its
    floor is not kept.

    MODEL defaults to slide_swin_demo, a small trained model that comes with the package. Every
    other model needs --checkpoint or --untrained. In place of a name it can be a checkpoint, and
    --checkpoint can stand alone: then the weights tell which model it is.

    MODEL can also be FILE.py:FUNCTION. The file is run as your own code, and the function returns
    a torch module, or (module, example). The network gets RGB in 0..1, unless --mean and --std say
    otherwise, and the file takes RGB in 0..255 like all others.

    With --task features, the outputs are the feature maps stage1 to stage4 instead of logits. Each
    map must reach the floor, and the folder's name contains "features".

    With several targets or precisions, every target is converted in every precision. If one fails,
    the others go on, and the exit code is the gravest.
    """
    session.progress("start PyTorch")  # its import takes seconds
    from slide_mobile.pipeline.convert import convert

    source_of_model = _source(
        model,
        session,
        checkpoint=checkpoint,
        weights=weights,
        untrained=untrained,
        num_classes=num_classes,
        input_size=None if input_size is None else source.size(input_size),
        normalization=None if mean is std is None else source.normalization(mean, std),
        stripes=source.stripes(stripes),
        labels=labels,
    )

    def make(target: str, precision: str | None, progress: Progress) -> "ArtifactFolder":
        """Convert to one format."""
        return convert(
            source_of_model,
            to=Format(
                target=target,
                precision=precision,
                backend=backend,
                via=via,
                task=task,
                tune=tune,
            ),
            calibration=CalibrationImages(folder=calibration, samples=calibration_samples),
            labs=comma_list("--lab", labs),
            full=full,
            out=out,
            force=force,
            progress=progress,
        )

    wanted = several.formats(comma_list("--to", targets), _precisions(precisions, int8, fp16))
    if len(wanted) > 1:
        return converted.several_formats(
            session, several.convert_each(session, wanted, make), report
        )
    return converted.one_format(session, make(*wanted[0], session.progress), report)


def _source(model: str | None, session: Session, **given: Any) -> "ModelSource | OwnModel":
    """The source of the model; without a name, the checkpoint tells it."""
    from slide_mobile.parity import own_file

    if model is not None and own_file.is_place(model):
        return _own(model, session, **given)
    given["normalization"] = given["normalization"] or IMAGENET
    return ModelSource(**given) if model is None else model_source(model, **given)


def _own(
    place: str,
    session: Session,
    *,
    input_size: tuple[int, int] | None,
    normalization: Normalization | None,
    **others: Any,
) -> "OwnModel":
    """The network that a Python file makes; raises UsageError for what has no meaning for it."""
    from slide_mobile.parity import own_file

    if unwanted := [name for name, value in others.items() if value]:
        options = ", ".join("--" + name.replace("_", "-") for name in unwanted)
        raise UsageError(f"{place} makes the network with its weights: leave out {options}")
    session.progress(f"run {place}, your own code")
    return own_file.load(place, input_size=input_size, normalization=normalization)


def _precisions(names: str | None, int8: bool, fp16: bool) -> list[str]:
    """The precisions that were asked for, none for each target's default."""
    return [*comma_list("--precision", names), *["int8"] * int8, *["fp16"] * fp16]
