"""Convert a model to an artifact folder.

source -> reference model -> deploy form -> ExportedProgram -> model file -> artifact folder
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from slide_mobile import models
from slide_mobile._version import __version__
from slide_mobile.artifact import atomic, documents, manifest
from slide_mobile.deploy.forms import chosen
from slide_mobile.errors import GateFailed, OutputError, UsageError
from slide_mobile.isolation.files import StrPath
from slide_mobile.lab import catalogue
from slide_mobile.lab import session as lab
from slide_mobile.models import assumptions
from slide_mobile.parity import datasets, layerwise, metrics, parallel, range_audit, references
from slide_mobile.parity.check_result import CheckResult, ParityFailed
from slide_mobile.parity.own import OwnModel
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.references import Identified
from slide_mobile.parity.source import (
    DEFAULT_CALIBRATION,
    DEMO,
    CalibrationImages,
    ModelSource,
    model_source,
)
from slide_mobile.pipeline import manifest_builder, mixed_precision
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.attempt import Attempt, Job, attempt
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Converter, Request
from slide_mobile.targets.format import OUT, Format, folder_name
from slide_mobile.targets.registry import Choice
from slide_mobile.tasks import channels_last

# Floor for the deploy form against the reference, both in fp32 in PyTorch. The rewrites are exact,
# so this fails only for numerically extreme weights. Measured: 129 dB for slide_swin_tiny.
MIN_DEPLOY_SQNR_DB = 100
DEPLOY_SAMPLES = 16


@visible
def convert(
    source: ModelSource | OwnModel | nn.Module | StrPath = DEMO,
    *,
    to: Format | str,
    example: Tensor | None = None,
    calibration: CalibrationImages = DEFAULT_CALIBRATION,
    labs: Sequence[str] = (),
    full: bool = False,
    out: StrPath = OUT,
    force: bool = False,
    progress: Progress = automatic,
) -> Artifact:
    """Convert a model to an artifact folder inside `out`, and compare it with PyTorch.

    A network of your own is a torch module in eval mode, with an `example` of its input, of shape
    (1, 3, H, W), or an OwnModel. The file is compared with the module itself.

    A plain string is the name of a model or target, or the path of a checkpoint (one that ends in
    .pth, .pt, .ckpt, .bin, .safetensors or .index.json). The file must pass in `labs`, too. The
    demo is compared on all of its held-out drawings if `full`, else on 204. `progress` is shown on
    a terminal and in a notebook; `slide_mobile.silent` turns it off. Raises UsageError for a wrong
    call or bad input, ToolchainMissing, EnvironmentMissing for a lab that is not set up,
    ParityFailed if the file misses a floor, and GateFailed if it does not pass in a lab. Then there
    is no artifact folder, and the report is saved as `<folder>.parity.json` or `<folder>.lab.json`.
    """
    to = registry.canonical(Format(to) if isinstance(to, str) else to)
    source = _source(source, example)
    to = _with_task(to, source)
    model = references.identified(source, to.task)
    created = manifest_builder.timestamp()
    converter = registry.load(to.target, to_write=True)
    choice = registry.choose(converter, to)
    gates = catalogue.for_gate(labs, to.target, choice.recipe.name)
    root = Path(out) / folder_name(model.source.title, to.task, to.target, choice.recipe.name)
    report, lab_report = (root.with_name(f"{root.name}.{kind}.json") for kind in ("parity", "lab"))

    for path in (report, lab_report):
        if path.is_dir():
            raise OutputError(f"{path} is a folder, and a report may have to be there; move it")

    with atomic.staging(root, force=force) as folder:
        if model.note:
            progress(model.note)
        job = _job(model, to, converter, choice, calibration, progress, full)
        _require_exact(job)
        found = _best_attempt(job, folder, progress)
        if not found.report.passed:
            result = _failure(job, found, root)
            atomic.write_file(report, documents.encode(result.document()))
            raise ParityFailed(result, report)
        progress("write the artifact")
        manifest.write(folder, manifest_builder.build(job, found, created=created))
        if gates:
            lab.require(Artifact.load(folder), gates, lab_report, progress=progress)
    for old in (report, lab_report):
        with contextlib.suppress(OSError):
            old.unlink(missing_ok=True)
    return Artifact.load(root)


def _source(
    source: ModelSource | OwnModel | nn.Module | StrPath, example: Tensor | None
) -> ModelSource | OwnModel:
    """The source of the model; raises UsageError where example= is missing or has no use."""
    if isinstance(source, nn.Module):
        if example is None:
            raise UsageError("a module needs example=, a tensor (1, 3, H, W) that it takes")
        return OwnModel(module=source, example=example)
    if example is not None:
        raise UsageError("example= is for a torch module: leave it out")
    return source if isinstance(source, ModelSource | OwnModel) else model_source(source)


def _with_task(to: Format, source: ModelSource | OwnModel) -> Format:
    """The format with the task "own" for a network of the user, and for no other model.

    Raises UsageError for another task.
    """
    if isinstance(source, OwnModel):
        if to.task == "features":
            raise UsageError("a network of your own has its own outputs: leave out the task")
        return replace(to, task="own")
    if to.task == "own":
        raise UsageError("the task own is for a torch module: give one, with example=")
    return to


def _job(
    model: Identified,
    to: Format,
    converter: Converter,
    choice: Choice,
    calibration: CalibrationImages,
    progress: Progress,
    full: bool,
) -> Job:
    """Load the reference model, gather the images, and rewrite the model to its deploy form."""
    progress("load the model")
    ref, source = model.load(), model.source
    ref = replace(ref, notes=(*ref.notes, *_assumed(ref, source)))
    labels = ref.default_labels() if source.labels is None else ref.read_labels(source.labels)
    images = datasets.gather(ref, choice.recipe, calibration, progress, full=full)
    expected = ref.outputs(images.evaluation.pixels, progress=progress)
    progress("rewrite to the deploy form")
    ranges = range_audit.audit(ref, images.evaluation.pixels)
    forms = chosen(to.target, choice.backend, choice.recipe.name, to.tune)
    return Job(
        target=to.target,
        tune=to.tune,
        converter=converter,
        request=Request(
            recipe=choice.recipe,
            backend=choice.backend,
            via=choice.via,
            labels=labels,
            title=ref.name,
            description=ref.description(),
            version=__version__,
            facts=ref.facts(choice.recipe.name),
            calibration=images.calibration_pixels,
            task=to.task,
            own_outputs=ref.output_names,
        ),
        ref=ref,
        images=images,
        expected=expected,
        ranges=ranges,
        prepared=ref.prepared(converter.LAYOUT, forms, ranges.headroom),
    )


def _assumed(ref: Reference, source: ModelSource | OwnModel) -> tuple[str, ...]:
    """What the weights of a user's file do not tell; the demo's are our own."""
    if isinstance(source, OwnModel) or not source.is_given:
        return ()
    return assumptions.notes(
        ref.model,
        input_size=ref.input_size,
        usual_size=models.spec(ref.name).input_size,
        given={
            *(["--labels"] if source.labels is not None or ref.task != "classify" else []),
            *(["--stripes"] if source.stripes is not None else []),
        },
    )


def _best_attempt(job: Job, folder: Path, progress: Progress) -> Attempt:
    """Return the first attempt that passes, or the last attempt.

    In the first attempt every module has the recipe's precision. While static int8 misses a floor,
    the next attempt keeps more modules in float, the most sensitive first.
    """
    found = attempt(job, folder, (), progress)
    if found.report.passed or not job.request.recipe.needs_calibration:
        return found
    ranking = mixed_precision.rank(job, progress)
    while not found.report.passed:
        float_modules = mixed_precision.next_float_modules(ranking, found)
        if len(float_modules) == len(found.float_modules):
            break  # half of the modules are in float: int8 is the wrong precision
        progress(mixed_precision.announcement(found, float_modules))
        found = attempt(job, folder, float_modules, progress)
    return found


def _require_exact(job: Job) -> None:
    """Raise GateFailed unless the deploy form computes what the reference computes."""
    found = parallel.outputs(job.deployed, list(job.images.evaluation.pixels[:DEPLOY_SAMPLES]))
    for (name, rows), x in zip(job.expected.items(), found, strict=True):
        db = metrics.sqnr_db(rows[: len(x)], channels_last(x, job.converter.LAYOUT))
        if not db >= MIN_DEPLOY_SQNR_DB:
            raise GateFailed(
                f"the deploy form's {name} have an SQNR of {db:.1f} dB against the reference, the "
                f"floor is {MIN_DEPLOY_SQNR_DB} dB: these weights are numerically extreme"
            )


def _failure(job: Job, found: Attempt, root: Path) -> CheckResult:
    """Return the result of a failed conversion, with its layer-wise errors."""
    pixels = job.images.evaluation.pixels
    return CheckResult(
        artifact=root,
        parity=found.report,
        modules=layerwise.modules(job.converter, found.path, job.deployed, pixels),
        images=job.images.evaluation.source,
        runtime=found.runtime,
        notes=(*mixed_precision.notes(found), *filter(None, (job.ranges.large,))),
    )
