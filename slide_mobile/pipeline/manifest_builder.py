"""What a manifest states, put together from the objects that know it."""

import datetime
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile import models
from slide_mobile._version import __version__
from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import LABELS, digest
from slide_mobile.artifact.manifest import Golden, Graph, Manifest, write_manifest
from slide_mobile.deploy.export import INPUT, input_shape
from slide_mobile.errors import UsageError
from slide_mobile.models import census
from slide_mobile.parity.datasets import Evidence
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.result import ParityReport
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Converter, Request
from slide_mobile.tasks import Outputs, stored_shape

GOLDEN_SAMPLES = 8


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is converted to what, and the images on which both have to agree."""

    target: str
    converter: Converter
    request: Request
    ref: Reference
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A model file, and how its outputs compare with PyTorch's, `expected`.

    `float_modules` are those that its format would quantise, and that stay float for its floors.
    """

    path: Path
    float_modules: tuple[str, ...]
    graph: Graph
    expected: Outputs
    report: ParityReport
    runtime: str


def certify(job: Job, proof: Proof, *, created: str) -> None:
    """Write labels, golden images and the manifest beside a model file that passed."""
    ref, request, converter, evidence = job.ref, job.request, job.converter, job.evidence
    folder, report = proof.path.parent, proof.report
    outputs = _outputs(proof.expected, converter, request)
    calibration = evidence.calibration
    manifest = Manifest(
        model=_model(ref),
        task=ref.task,
        target=job.target,
        precision=request.recipe.name,
        backend=request.backend,
        via=request.via,
        file=proof.path.name,
        file_sha256=digest(proof.path),
        size_bytes=_size_bytes(proof.path),
        labels_sha256=_labels(folder, request),
        input=_input(ref, converter, request),
        output=outputs[0] if ref.task == "classify" else None,
        outputs=outputs,
        graph=proof.graph,
        float_modules=proof.float_modules,
        parity=report.to_json() | {"images": evidence.comparison.source, "runtime": proof.runtime},
        accuracy=None if report.accuracy is None else vars(report.accuracy),
        calibration=None if calibration is None else _calibration(calibration),
        golden=_golden(folder, evidence.comparison, proof.expected, request),
        notes=(*ref.notes, *evidence.skipped),
        toolchain=_toolchain(converter, request.via),
        created=created,
    )
    write_manifest(folder, manifest)


def timestamp() -> str:
    """Now in UTC, ISO 8601, or SOURCE_DATE_EPOCH; raises UsageError if that is no number."""
    # https://reproducible-builds.org/specs/source-date-epoch/
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        moment = datetime.datetime.now(datetime.UTC)
    else:
        try:
            moment = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise UsageError(f"SOURCE_DATE_EPOCH={epoch} is not a time in seconds") from error
    return moment.isoformat(timespec="seconds")


def _model(ref: Reference) -> Mapping[str, Any]:
    size = census.measure(ref.model, ref.input_size)
    return {
        "name": ref.name,
        "family": models.spec(ref.name).family,
        "num_classes": ref.num_classes,
        "params": size.params,
        "macs": size.macs,
        "trained": ref.trained,
        "checkpoint_sha256": ref.checkpoint_sha256,
    }


def _input(ref: Reference, converter: Converter, request: Request) -> Mapping[str, Any]:
    return {
        "name": INPUT,
        "shape": list(input_shape(ref.input_size, converter.LAYOUT)),
        "layout": converter.LAYOUT,
        "dtype": converter.input_dtype(request.recipe),
        "color": "RGB",
        "range": [0, 255],
        "mean": list(ref.normalization.mean),
        "std": list(ref.normalization.std),
    }


def _outputs(
    expected: Outputs, converter: Converter, request: Request
) -> tuple[Mapping[str, Any], ...]:
    """Name, shape and type of each output; the layout too, where it is a map."""
    found = []
    for name, rows in expected.items():
        shape, layout = (1, *rows.shape[1:]), None
        if rows.ndim == 4:
            layout = converter.LAYOUT
            shape = stored_shape(layout, shape)
        dtype = converter.output_dtype(request.recipe)
        found.append({"name": name, "shape": list(shape), "dtype": dtype, "layout": layout})
    return tuple(found)


def _labels(folder: Path, request: Request) -> str | None:
    """Write a classifier's labels; their sha256."""
    if request.task != "classify":
        return None
    labels = folder / LABELS
    labels.write_text("\n".join(request.labels) + "\n", encoding="utf-8")
    return digest(labels)


def _calibration(used: ImageSet) -> Mapping[str, Any]:
    return {"images": len(used), "sha256": used.sha256, "source": used.source}


def _golden(
    folder: Path, compared: ImageSet, expected: Outputs, request: Request
) -> tuple[Golden, ...]:
    (folder / "golden").mkdir()
    # The drawings' classes are those of the labels for a classifier only.
    named = compared.labels if request.task == "classify" else None
    return tuple(
        golden.write(
            folder,
            number,
            compared.pixels[number],
            expected,
            label=None if named is None else request.labels[named[number]],
        )
        for number in range(min(GOLDEN_SAMPLES, len(compared)))
    )


def _size_bytes(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def _toolchain(converter: Converter, via: str) -> Mapping[str, str]:
    own = {"python": platform.python_version(), "slide_mobile": __version__}
    return own | registry.toolchain(converter, via)
