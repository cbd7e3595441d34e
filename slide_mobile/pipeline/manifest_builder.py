"""Build the manifest of a model file that passed its parity check."""

import datetime
import os
import platform
from pathlib import Path

from slide_mobile._version import __version__
from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import digests, size_bytes
from slide_mobile.artifact.manifest import (
    LABELS,
    SCHEMA_VERSION,
    Calibration,
    Golden,
    Input,
    Manifest,
    Model,
    Output,
)
from slide_mobile.artifact.own_network import OwnNetwork
from slide_mobile.deploy.export import input_shape
from slide_mobile.errors import UsageError
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.own import OwnReference
from slide_mobile.parity.reference import Reference
from slide_mobile.pipeline.attempt import Attempt, Job
from slide_mobile.targets import registry
from slide_mobile.tasks import stored_shape

GOLDEN_SAMPLES = 8


def build(job: Job, found: Attempt, *, created: str) -> Manifest:
    """Write labels and golden images next to the model file, and return the manifest of all."""
    ref, request, images, folder = job.ref, job.request, job.images, found.path.parent
    if ref.task == "classify":
        (folder / LABELS).write_text("\n".join(request.labels) + "\n", encoding="utf-8")
    goldens = _golden(job, folder)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        model=_model(ref),
        task=ref.task,
        target=job.target,
        precision=request.recipe.name,
        backend=request.backend,
        via=request.via,
        tune=job.tune,
        file=found.path.name,
        size_bytes=size_bytes(found.path),
        files=digests(folder),
        input=_input(job),
        outputs=_outputs(job),
        graph=found.graph,
        float_modules=found.float_modules,
        parity=found.report.document(images=images.evaluation.source, runtime=found.runtime),
        accuracy=found.report.accuracy,
        calibration=None if images.calibration is None else _calibration(images.calibration),
        golden=goldens,
        notes=(*ref.notes, *images.notes, *job.ranges.notes),
        own=_own(job, found),
        toolchain={
            "python": platform.python_version(),
            "slide_mobile": __version__,
            **registry.toolchain(job.converter, request.via),
        },
        created=created,
    )


def timestamp() -> str:
    """Return the time, or SOURCE_DATE_EPOCH if it is set, in UTC as ISO 8601; raises UsageError.

    https://reproducible-builds.org/specs/source-date-epoch/
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        moment = datetime.datetime.now(datetime.UTC)
    else:
        try:
            moment = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise UsageError(f"SOURCE_DATE_EPOCH={epoch} is not a number of seconds") from error
    return moment.isoformat(timespec="seconds")


def _model(ref: Reference) -> Model:
    """Describe the model, with its parameters and multiply-adds."""
    size = ref.size
    return Model(
        name=ref.name,
        family=ref.family,
        num_classes=ref.num_classes,
        params=size.params,
        macs=size.macs,
        trained=ref.trained,
        checkpoint_sha256=ref.checkpoint_sha256,
        weights=ref.weights,
        stripes=ref.stripes,
    )


def _input(job: Job) -> Input:
    """Describe the image input of the file."""
    layout, normalization = job.converter.LAYOUT, job.ref.normalization
    return Input(
        shape=input_shape(job.ref.input_size, layout),
        layout=layout,
        dtype=job.converter.input_dtype(job.request.recipe),
        mean=normalization.mean,
        std=normalization.std,
    )


def _outputs(job: Job) -> tuple[Output, ...]:
    """Describe each output of the file; only feature maps have a layout."""
    dtype = job.converter.output_dtype(job.request.recipe)
    found = []
    for name, rows in job.expected.items():
        shape, layout = (1, *rows.shape[1:]), None
        if rows.ndim == 4:
            layout = job.converter.LAYOUT
            shape = stored_shape(layout, shape)
        found.append(Output(name=name, shape=shape, dtype=dtype, layout=layout))
    return tuple(found)


def _own(job: Job, found: Attempt) -> OwnNetwork | None:
    """What became of the modules of a network of the user; None for another model."""
    if not isinstance(job.ref, OwnReference):
        return None
    prepared = job.prepared
    return OwnNetwork(
        source=job.ref.source, rewritten=prepared.rewritten, left=(*prepared.left, *found.left)
    )


def _calibration(used: ImageSet) -> Calibration:
    """Describe the calibration set."""
    return Calibration(images=len(used), sha256=used.sha256, source=used.source)


def _golden(job: Job, folder: Path) -> tuple[Golden, ...]:
    """Write the first evaluation images as golden images, and describe them."""
    compared, request = job.images.evaluation, job.request
    # Feature maps have no classes, so the images are not labeled.
    named = compared.labels if request.task == "classify" else None
    return tuple(
        golden.write(
            folder,
            number,
            compared.pixels[number],
            job.expected,
            label=None if named is None else request.labels[named[number]],
            task=request.task,
        )
        for number in range(min(GOLDEN_SAMPLES, len(compared)))
    )
