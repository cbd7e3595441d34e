"""The manifest: the description of an artifact, as frozen classes.

`manifest.schema.json` is the JSON Schema of `Manifest`, for readers in other languages.
"""

import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slide_mobile.artifact.documents import (
    Count,
    Decibels,
    DocumentError,
    FilePath,
    Finite,
    Fraction,
    Name,
    NonNegative,
    Positive,
    Rgb,
    Sha256,
    Side,
    Text,
    decode,
    encode,
    schema,
    shortened,
    version,
)
from slide_mobile.artifact.own_network import OwnNetwork
from slide_mobile.errors import ArtifactError, GateFailed
from slide_mobile.tasks import Layout, Task, output_names

# Version 5 lists the sha256 of every other file; older ones had a seal over all of them.
SCHEMA_VERSION: Literal[5] = 5
MANIFEST = "manifest.json"
LABELS = "labels.txt"

MOST_GOLDEN = 64
MOST_CLASSES = 100_000
MOST_PIXELS = 1 << 22  # of an input image: 2048 x 2048


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The converted model; `checkpoint_sha256` is null for random weights.

    `weights` is what was asked for where the checkpoint holds both; null takes averaged ones.
    `stripes` are the widths that were asked for; null takes the model's own, where it has any. For
    the task "own", the sha256 is over the state dict, and `num_classes` is null.
    """

    name: Name
    family: Name
    num_classes: Annotated[int, Meta(ge=1, le=MOST_CLASSES)] | None
    params: Count
    macs: Count
    trained: bool
    checkpoint_sha256: Sha256 | None
    weights: Literal["raw", "ema"] | None = None
    stripes: Annotated[tuple[Side, ...], Meta(min_length=3, max_length=3)] | None = None


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The image that the file takes; `mean` and `std` are applied inside the model."""

    name: Literal["image"] = "image"
    shape: Annotated[tuple[Side, ...], Meta(min_length=4, max_length=4)]
    layout: Layout
    dtype: Literal["float32", "float16", "uint8"]
    color: Literal["RGB"] = "RGB"
    range: tuple[Literal[0], Literal[255]] = (0, 255)
    mean: Rgb
    std: Rgb


class Output(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of the file; only maps have a layout."""

    name: Name
    shape: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=MOST_PIXELS)], ...], Meta(min_length=1, max_length=4)
    ]
    dtype: Literal["float32", "float16"]
    layout: Layout | None


class Graph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about the model file's graph, read back from disk by the converter.

    `partitions` counts delegate partitions, and `delegated_ops` of `total_ops` run inside them.
    `int8_mac_fraction` is the fraction of multiply-adds that kernels compute in int8.
    `min_runtime` is the oldest runtime version that has a kernel for every operation, if known.
    """

    ops: dict[Name, Positive]
    max_rank: Count
    partitions: Count
    delegated_ops: Count
    total_ops: Count
    int8_mac_fraction: Fraction
    min_runtime: Text | None = None
    findings: tuple[Text, ...] = ()


class OutputParity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The error of one output against PyTorch's, over all images."""

    name: Name
    sqnr_db: Decibels
    max_abs: NonNegative


class Parity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The comparison with PyTorch that the file passed.

    `sqnr_db` and `max_abs` are those of the worst output. `top1_agreement` is null for feature
    maps, and its floor is null where it is not a gate. `runtime` names what executed the file.
    """

    passed: bool
    sqnr_db: Decibels
    min_sqnr_db: Decibels
    max_abs: NonNegative
    top1_agreement: Fraction | None
    min_top1_agreement: Fraction | None
    outputs: Annotated[tuple[OutputParity, ...], Meta(min_length=1, max_length=16)]
    samples: Positive
    reference: Literal["pytorch"] = "pytorch"
    images: Text
    runtime: Text

    @property
    def missed(self) -> bool:
        """Whether the SQNR is below its floor; of few images, one may disagree in its top-1."""
        return self.sqnr_db < self.min_sqnr_db


class Accuracy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Task top-1 accuracy of the file, and of the reference if it was run."""

    top1: Fraction
    reference_top1: Fraction | None
    images: Positive

    @property
    def lost(self) -> int | None:
        """Number of images that the reference gets right minus the number the file gets right."""
        if self.reference_top1 is None:
            return None
        return round((self.reference_top1 - self.top1) * self.images)


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The calibration set: number of images, sha256 of their pixels, and source."""

    images: Positive
    sha256: Sha256
    source: Text


class Golden(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One golden image, with PyTorch's logits for it or the path of its feature maps."""

    file: FilePath
    label: Text | None
    logits: Annotated[tuple[Finite, ...], Meta(min_length=1, max_length=MOST_CLASSES)] | None
    maps: FilePath | None


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The description of an artifact; `files` has the sha256 of every other file in the folder.

    `tune` names the core that graph forms were chosen for, if it is known.
    """

    schema_version: Literal[5]
    model: Model
    task: Task
    target: Name
    precision: Name
    backend: Name
    via: Name
    file: Annotated[str, Meta(pattern=r"^model\.[a-z]+$(?!\n)")]
    size_bytes: Positive
    files: Annotated[dict[FilePath, Sha256], Meta(min_length=1, max_length=10_000)]
    input: Input
    outputs: Annotated[tuple[Output, ...], Meta(min_length=1, max_length=16)]
    graph: Graph
    float_modules: Annotated[tuple[Name, ...], Meta(max_length=10_000)]
    parity: Parity
    accuracy: Accuracy | None
    calibration: Calibration | None
    golden: Annotated[tuple[Golden, ...], Meta(min_length=1, max_length=MOST_GOLDEN)]
    notes: tuple[Text, ...]
    toolchain: dict[Name, Text]
    created: Text
    tune: Name | None = None
    own: OwnNetwork | None = None

    def __repr__(self) -> str:
        """Return one line: the kind of artifact, and its SQNR."""
        kind = f"{self.model.name}, {self.task}, {self.target}, {self.precision}"
        return f"<Manifest {kind}, {self.parity.sqnr_db:.1f} dB>"

    @property
    def is_classifier(self) -> bool:
        """Whether the model is a classifier, with logits and labels."""
        return self.task == "classify"

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(output.name for output in self.outputs)


def read(data: bytes) -> Manifest:
    """Read a manifest.json; raises ArtifactError for another version, GateFailed for damage."""
    try:
        found = version(data)
        if found is not None and found != SCHEMA_VERSION:
            raise ArtifactError(
                f"manifest schema {found} is not {SCHEMA_VERSION}: "
                + ("update slide-mobile" if found > SCHEMA_VERSION else "convert the model again")
            )
        manifest = decode(data, Manifest)
    except DocumentError as error:
        raise GateFailed(f"the manifest is damaged: {shortened(error)}") from error
    for problem in _contradictions(manifest):
        raise GateFailed(f"the manifest is damaged: {problem}")
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json and flush it to disk; raises GateFailed if `read` would refuse it."""
    data = encode(manifest)
    read(data)
    with (folder / MANIFEST).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Yield the contradictions in a manifest that the types alone cannot exclude."""
    names = manifest.output_names
    if names != (output_names(manifest.task) or tuple(dict.fromkeys(names))):
        yield f"its outputs are not those of the task {manifest.task!r}"
    if prod(shape := manifest.input.shape) > 3 * MOST_PIXELS:
        yield f"its input has more than {MOST_PIXELS} pixels"
    if shape[0] != 1 or shape[3 if manifest.input.layout == "NHWC" else 1] != 3:
        yield "its input is not one RGB image"
    if (manifest.own is None) == (manifest.task == "own"):
        yield "its task and `own` contradict each other"
    if manifest.model.trained != (manifest.model.checkpoint_sha256 is not None):
        yield "it must have the sha256 of a checkpoint if its model is trained, and only then"
    if min(manifest.input.std) <= 0:
        yield "its std is not positive"
    if not manifest.parity.passed:
        yield "its parity check did not pass"
    if manifest.parity.missed:
        yield "its parity check passed below its floor"
    if unlisted := [name for name in _named_files(manifest) if name not in manifest.files]:
        yield f"it has no sha256 for {unlisted[0]}"
    if not any(path.split("/")[0] == manifest.file for path in manifest.files):
        yield f"it has no sha256 for {manifest.file}"
    yield from (_of_classifier if manifest.is_classifier else _of_maps)(manifest)


def _named_files(manifest: Manifest) -> Iterator[str]:
    """Yield the paths that the manifest refers to, except the model file."""
    yield from (LABELS,) if manifest.is_classifier else ()
    for item in manifest.golden:
        yield from (item.file,) if item.maps is None else (item.file, item.maps)


def _of_classifier(manifest: Manifest) -> Iterator[str]:
    """Yield the contradictions in the manifest of a classifier."""
    classes = manifest.model.num_classes
    if any(item.logits is None or len(item.logits) != classes for item in manifest.golden):
        yield "its golden images do not have one logit per class"


def _of_maps(manifest: Manifest) -> Iterator[str]:
    """Yield the contradictions in the manifest of a model without logits."""
    maps = [len(output.shape) == 4 for output in manifest.outputs]
    laid = [output.layout is not None for output in manifest.outputs]
    if maps != laid or (manifest.task == "features" and not all(maps)):
        yield "its feature maps must have four dimensions and a layout"
    if any(item.maps is None for item in manifest.golden):
        yield "its golden images have no feature maps"


def published() -> bytes:
    """Return the contents of manifest.schema.json."""
    return schema(Manifest, f"slide-mobile artifact manifest, schema version {SCHEMA_VERSION}")
