"""The PyTorch model that an artifact is compared with, built from a model source."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.export import ExportedProgram

from slide_mobile import models
from slide_mobile._version import __version__
from slide_mobile.artifact.folder import MOST_LABELS_BYTES, digest
from slide_mobile.artifact.own_network import LeftAlone
from slide_mobile.demo.shapes import LABELS
from slide_mobile.demo.weights import WEIGHTS
from slide_mobile.deploy import deploy
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import Forms
from slide_mobile.deploy.networks import Prepared
from slide_mobile.deploy.scale_stream import NO_HEADROOM, Headroom
from slide_mobile.errors import CheckpointError, UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath
from slide_mobile.models import assumptions, census
from slide_mobile.models import checkpoint as checkpoints
from slide_mobile.models.census import Size
from slide_mobile.models.layers.backbone import without_head
from slide_mobile.parity import parallel
from slide_mobile.parity.source import DEMO, ModelSource
from slide_mobile.preprocess import Normalization, normalize, sides
from slide_mobile.progress import Progress, silent
from slide_mobile.tasks import Layout, Outputs, Task, output_names

BATCH = 4  # images per batch in a thread: larger batches are not faster, and need more memory


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference-form model in eval mode. `checkpoint_sha256` is None for untrained weights.

    `num_classes` is the number of classes of the weights, also for the task "features"; None of a
    network of the user.
    """

    name: str
    model: nn.Module
    task: Task = "classify"
    num_classes: int | None
    input_size: tuple[int, int]
    normalization: Normalization
    trained: bool
    checkpoint_sha256: str | None
    weights: checkpoints.Weights | None = None  # that were asked for
    stripes: tuple[int, ...] | None = None  # that were asked for
    notes: tuple[str, ...] = ()
    batch: int = BATCH

    @property
    def family(self) -> str:
        """The family of the model."""
        return models.spec(self.name).family

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return output_names(self.task)

    @property
    def size(self) -> Size:
        """Parameters and multiply-adds."""
        return census.measure(self.model, self.input_size)

    @property
    def is_demo(self) -> bool:
        """Whether these are the demo's bundled weights, whose data set can be rendered."""
        return self.name == DEMO and self.checkpoint_sha256 == bundled_sha256()

    def deployed(self, layout: Layout, forms: Forms, headroom: Headroom = NO_HEADROOM) -> nn.Module:
        """Return the deploy form in a layout, with these graph forms and this headroom for fp16."""
        return deploy(
            self.model,
            normalization=self.normalization,
            layout=layout,
            forms=forms,
            headroom=headroom,
        )

    def prepared(self, layout: Layout, forms: Forms, headroom: Headroom = NO_HEADROOM) -> Prepared:
        """Return the deploy form; a network of the user tells what became of its modules."""
        return Prepared(network=self.deployed(layout, forms, headroom))

    def exported(self, deployed: nn.Module, layout: Layout) -> ExportedProgram:
        """Trace a deploy form of this model."""
        return export(deployed, self.input_size, layout)

    def left(self, program: ExportedProgram) -> tuple[LeftAlone, ...]:
        """Name the modules of an exported program that have tensors of rank 5 and more."""
        return ()

    def description(self) -> str:
        """Return the description, one line, for the metadata of the model file."""
        weights = "trained" if self.trained else "random weights, for benchmarks only"
        gives = "" if self.task == "classify" else ", gives the maps of its four stages"
        return f"{self.name} ({weights}); takes RGB in 0..255 and normalises it by itself{gives}"

    def facts(self, precision: str) -> dict[str, str]:
        """Return the key-value metadata of the model file, for a reader without the manifest."""
        return {
            "model": self.name,
            "family": self.family,
            "task": self.task,
            "precision": precision,
            "trained": str(self.trained).lower(),
            "checkpoint_sha256": self.checkpoint_sha256 or "",
            "input_range": "0..255 RGB, normalised inside the model",
            "mean": ",".join(map(str, self.normalization.mean)),
            "std": ",".join(map(str, self.normalization.std)),
            "slide_mobile": __version__,
        }

    def default_labels(self) -> tuple[str, ...]:
        """Return the demo's labels, or numbered classes for other models; empty for features."""
        if self.task != "classify":
            return ()
        if self.is_demo:
            return LABELS
        return tuple(f"class {i}" for i in range(self.num_classes or 0))

    def read_labels(self, path: StrPath) -> tuple[str, ...]:
        """Read a file with one label per line; raises UsageError unless there is one per class."""
        if self.task != "classify":
            raise UsageError(f"--labels names classes, but {self.task} have none: leave it out")
        try:
            text = files.read(Path(path), most=MOST_LABELS_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"cannot read the labels {path} ({reason})") from error
        lines = [line.strip() for line in text.rstrip().split("\n")]
        if "" in lines:
            raise UsageError(f"{path} has no label on line {lines.index('') + 1}")
        if len(lines) != self.num_classes:
            raise UsageError(
                f"{path} has {len(lines)} labels, the model has {self.num_classes} classes: "
                "give one label per line, in the order of the logits"
            )
        return tuple(lines)

    def outputs(
        self, pixels: NDArray[np.uint8], *, stage: str = "run PyTorch", progress: Progress = silent
    ) -> Outputs:
        """(N, H, W, 3) bytes -> logits (N, num_classes), or maps (N, H, W, C), by name."""
        size = self.batch
        batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        rows = []
        for done, part in enumerate(parallel.each(self._batch, batches)):
            progress(stage, done / len(batches))
            rows.append(part)
        found = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        return dict(zip(self.output_names, found, strict=True))

    @torch.inference_mode()
    def _batch(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Run the model on one batch of images, (N, H, W, 3) bytes."""
        images = torch.from_numpy(normalize(pixels, self.normalization))
        return parallel.arrays(self.model(images))


@functools.cache
def bundled_sha256() -> str:
    """Return the sha256 of the demo's bundled weights."""
    return digest(WEIGHTS)


class Named(NamedTuple):
    """A source with its model's name; `note` says if the weights told it, which were then read."""

    source: ModelSource
    weights: checkpoints.Checkpoint | None = None
    note: str = ""


def named(source: ModelSource, task: Task = "classify") -> Named:
    """Find out which model a source is, from its weights if they come without a name.

    Raises UnknownName, CheckpointError if no model has these weights.
    """
    if source.name is not None:
        models.spec(source.name)  # an unknown name must not become a path
        return Named(source)
    if not source.is_given:
        return Named(replace(source, name=DEMO))
    weights = _weights(source)
    name = checkpoints.identify(weights, headless=task != "classify")
    note = f"the weights are those of {name}, so it was converted"
    return Named(replace(source, name=name), weights, note)


def load(given: ModelSource | Named, task: Task = "classify") -> Reference:
    """Build the reference model with its weights; the task "features" removes the head.

    Raises UnknownName, CheckpointError, UsageError.
    """
    source, weights, identified = named(given, task) if isinstance(given, ModelSource) else given
    assert source.name is not None
    spec = models.spec(source.name)
    size = spec.input_size if source.input_size is None else sides(source.input_size)
    sha256: str | None = None
    notes: tuple[str, ...] = (identified,) if identified else ()
    options = assumptions.options(source.name, stripes=source.stripes)
    if source.stripes is not None:
        notes += (f"stripes of {', '.join(map(str, source.stripes))}, as asked for (--stripes)",)
    if source.untrained:
        model = models.create(
            source.name, input_size=size, num_classes=source.num_classes, **options
        )
        classes = source.num_classes or spec.num_classes
    else:
        fit = checkpoints.fit(
            weights or _weights(source),
            source.name,
            num_classes=source.num_classes,
            input_size=size,
            headless=task != "classify",
            **options,
        )
        model, classes = fit.model, fit.num_classes
        sha256, notes = fit.checkpoint.sha256, notes + fit.notes
    reference = Reference(
        name=source.name,
        model=(model if task == "classify" else without_head(model)).requires_grad_(False),
        task=task,
        num_classes=classes,
        input_size=size,
        normalization=source.normalization,
        trained=not source.untrained,
        checkpoint_sha256=sha256,
        weights=source.weights,
        stripes=source.stripes,
        notes=notes,
    )
    require_finite(reference, str(source.checkpoint or source.name))
    return reference


def require_finite(reference: Reference, where: str) -> None:
    """Raise CheckpointError for a model that gives NaN or infinite values for a gray image."""
    probe = np.full((1, *reference.input_size, 3), 128, np.uint8)
    if not all(np.isfinite(rows).all() for rows in reference.outputs(probe).values()):
        raise CheckpointError(
            f"{where}: the model outputs NaN or infinite values in PyTorch; check its weights"
        )


def _weights(source: ModelSource) -> checkpoints.Checkpoint:
    """Read the weights of a trained model; raises CheckpointError, UsageError without any."""
    if source.state_dict is not None:
        return checkpoints.in_memory(source.state_dict, weights=source.weights)
    if source.checkpoint is not None:
        return checkpoints.read(source.checkpoint, weights=source.weights)
    if source.name != DEMO:
        raise UsageError(
            f"{source.name} needs weights: give --checkpoint FILE, or --untrained for random "
            "weights (benchmarks only)"
        )
    return checkpoints.read(WEIGHTS, ours=True)
