"""What made a model file, as a CycloneDX bill of materials for machine learning.

The document follows CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): the model with its card,
the checkpoint that it comes from, and the packages that converted it. Everything is copied from the
manifest, so the same artifact always gives the same bytes.
"""

import uuid
from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from slide_mobile._version import __version__
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest

MODEL, CHECKPOINT = "model", "checkpoint"  # references inside the document
_TASKS = {
    "classify": "image classification",
    "features": "feature extraction",
    "own": "image to tensors",
}


class _Value(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How every part of the document is written."""


class Hash(_Value, frozen=True, kw_only=True):
    """A digest."""

    alg: Literal["SHA-256"] = field(default_factory=lambda: "SHA-256")
    content: str


class Property(_Value, frozen=True, kw_only=True):
    """A fact that CycloneDX has no field for."""

    name: str
    value: str


class Port(_Value, frozen=True, kw_only=True):
    """An input or output of the model."""

    format: str


class Metric(_Value, frozen=True, kw_only=True):
    """A number of the comparison with PyTorch; `slice` names the images."""

    type: str
    value: str
    slice: str


class Parameters(_Value, frozen=True, kw_only=True):
    """What the model is."""

    task: str
    architecture_family: str
    model_architecture: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


class Analysis(_Value, frozen=True, kw_only=True):
    """How well it does."""

    performance_metrics: tuple[Metric, ...]


class ModelCard(_Value, frozen=True, kw_only=True):
    """The card of the model."""

    model_parameters: Parameters
    quantitative_analysis: Analysis


class Component(_Value, frozen=True, kw_only=True):
    """A model, a library or an application."""

    type: Literal["machine-learning-model", "library", "application"]
    reference: str | UnsetType = field(default=UNSET, name="bom-ref")
    name: str
    version: str | UnsetType = UNSET
    hashes: tuple[Hash, ...] = ()
    purl: str | UnsetType = UNSET
    model_card: ModelCard | UnsetType = UNSET
    properties: tuple[Property, ...] = ()


class Tools(_Value, frozen=True, kw_only=True):
    """What wrote the document."""

    components: tuple[Component, ...]


class Metadata(_Value, frozen=True, kw_only=True):
    """What the document is about, and what wrote it when."""

    timestamp: str
    tools: Tools
    component: Component


class Dependency(_Value, frozen=True, kw_only=True):
    """What a component was made with."""

    ref: str
    depends_on: tuple[str, ...]


class Bom(_Value, frozen=True, kw_only=True):
    """The whole document."""

    schema: str = field(name="$schema")
    bom_format: str
    spec_version: str
    serial_number: str
    version: int
    metadata: Metadata
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]


def bom(artifact: ArtifactFolder) -> Bom:
    """The bill of materials of an artifact."""
    made = artifact.manifest
    parts = tuple(_parts(made))
    references = tuple(part.reference for part in parts if isinstance(part.reference, str))
    return Bom(
        schema="http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format="CycloneDX",
        spec_version="1.6",
        # The same for the same manifest, as CycloneDX wants one number for one version.
        serial_number=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, artifact.manifest_sha256)}",
        version=1,
        metadata=Metadata(
            timestamp=made.created,
            tools=Tools(
                components=(
                    Component(type="application", name="slide-mobile", version=__version__),
                )
            ),
            component=_model(artifact),
        ),
        components=parts,
        dependencies=(Dependency(ref=MODEL, depends_on=references),),
    )


def _model(artifact: ArtifactFolder) -> Component:
    """The model file, its card, and how it was made."""
    made = artifact.manifest
    whole = made.files.get(made.file)  # a package has no digest of its own
    facts = {
        "file": made.file,
        "manifest-sha256": artifact.manifest_sha256,
        "target": made.target,
        "precision": made.precision,
        "backend": made.backend,
        "exporter": made.via,
        "trained": str(made.model.trained).lower(),
        "executed-by": made.parity.runtime,
        "float-modules": " ".join(made.float_modules),
    }
    if made.calibration is not None:
        facts["calibration-sha256"] = made.calibration.sha256
    return Component(
        type="machine-learning-model",
        reference=MODEL,
        name=made.model.name,
        version=made.precision,
        hashes=() if whole is None else (Hash(content=whole),),
        model_card=ModelCard(
            model_parameters=Parameters(
                task=_TASKS[made.task],
                architecture_family=made.model.family,
                model_architecture=made.model.name,
                inputs=(Port(format=f"RGB image, {made.input.dtype} {made.input.shape}"),),
                outputs=tuple(
                    Port(format=f"{output.name}, {output.dtype} {output.shape}")
                    for output in made.outputs
                ),
            ),
            quantitative_analysis=Analysis(performance_metrics=tuple(_metrics(made))),
        ),
        properties=tuple(
            Property(name=f"slide-mobile:{name}", value=value)
            for name, value in facts.items()
            if value
        ),
    )


def _metrics(made: Manifest) -> Iterator[Metric]:
    """The numbers that the file passed with."""
    where = f"{made.parity.samples} images ({made.parity.images})"
    yield Metric(type="SQNR against PyTorch, dB", value=f"{made.parity.sqnr_db:.1f}", slice=where)
    if made.parity.top1_agreement is not None:
        yield Metric(
            type="top-1 agreement with PyTorch",
            value=f"{made.parity.top1_agreement:.4f}",
            slice=where,
        )
    if made.accuracy is not None:
        images = f"{made.accuracy.images} images ({made.parity.images})"
        yield Metric(type="top-1 accuracy", value=f"{made.accuracy.top1:.4f}", slice=images)


def _parts(made: Manifest) -> Iterator[Component]:
    """What the file was made from, and with."""
    if made.model.checkpoint_sha256 is not None:
        yield Component(
            type="machine-learning-model",
            reference=CHECKPOINT,
            name=f"checkpoint of {made.model.name}",
            hashes=(Hash(content=made.model.checkpoint_sha256),),
        )
    for name, version in made.toolchain.items():
        known = "generic" if name == "python" else "pypi"
        package = name.replace("_", "-").lower()
        purl = f"pkg:{known}/{package}@{version}"
        yield Component(type="library", reference=purl, name=name, version=version, purl=purl)
