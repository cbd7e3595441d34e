"""The PyTorch model that an artifact has to agree with, and where its weights come from."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from slide_mobile import __version__, demo, models, parallel
from slide_mobile.artifact import digest
from slide_mobile.errors import CheckpointError, UsageError
from slide_mobile.models import checkpoint as checkpoints
from slide_mobile.preprocess import Normalization, normalize
from slide_mobile.progress import Progress, silent

DEMO = "slide_swin_demo"
BATCH = 4  # images at once in a thread: more is no faster, and costs memory


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference-form model in eval mode. `checkpoint_sha256` is None for untrained weights."""

    name: str
    model: nn.Module
    num_classes: int
    input_size: tuple[int, int]
    normalization: Normalization
    trained: bool
    checkpoint_sha256: str | None
    notes: tuple[str, ...] = ()

    @property
    def is_demo(self) -> bool:
        """Whether these are the bundled weights, whose data set we can render."""
        return self.name == DEMO and self.checkpoint_sha256 == bundled_sha256()

    def description(self) -> str:
        """A line for the model file's own metadata."""
        weights = "trained" if self.trained else "random weights, for benchmarks only"
        return f"{self.name} ({weights}); takes RGB in 0..255 and normalises it by itself"

    def facts(self, precision: str) -> dict[str, str]:
        """Key-value metadata for the model file itself, for whoever meets it without its folder."""
        return {
            "model": self.name,
            "family": models.spec(self.name).family,
            "precision": precision,
            "trained": str(self.trained).lower(),
            "checkpoint_sha256": self.checkpoint_sha256 or "",
            "input_range": "0..255 RGB, normalised inside the model",
            "mean": ",".join(map(str, self.normalization.mean)),
            "std": ",".join(map(str, self.normalization.std)),
            "slide_mobile": __version__,
        }

    def default_labels(self) -> tuple[str, ...]:
        """The demo's labels, or numbered classes."""
        if self.is_demo:
            return demo.LABELS
        return tuple(f"class {i}" for i in range(self.num_classes))

    def read_labels(self, path: Path) -> tuple[str, ...]:
        """One label a line, as many as classes; raises UsageError."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the labels {path}: {error}") from error
        lines = [line.strip() for line in text.rstrip().split("\n")]
        if "" in lines:
            raise UsageError(f"{path} has no label in line {lines.index('') + 1}")
        if len(lines) != self.num_classes:
            raise UsageError(
                f"{path} has {len(lines)} labels, the model has {self.num_classes} classes: "
                "give one label a line, in the order of the logits"
            )
        return tuple(lines)

    def logits(
        self, pixels: NDArray[np.uint8], *, stage: str = "run PyTorch", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """(N, H, W, 3) bytes -> (N, num_classes)."""
        batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
        rows = []
        for done, part in enumerate(parallel.each(self._batch, batches)):
            progress(stage, done / len(batches))
            rows.append(part)
        return np.concatenate(rows)

    @torch.inference_mode()
    def _batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(normalize(pixels, self.normalization))
        logits: NDArray[np.float32] = self.model(images).numpy()
        return logits


@functools.cache
def bundled_sha256() -> str:
    """Of the demo's weights."""
    return digest(demo.weights_path())


def load(
    name: str,
    *,
    normalization: Normalization,
    checkpoint: Path | None = None,
    untrained: bool = False,
    num_classes: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> Reference:
    """Build the reference model with the weights asked for.

    The bundled demo needs no checkpoint; any other model needs one, or `untrained`. Raises
    UnknownName, CheckpointError, UsageError.
    """
    spec = models.spec(name)
    size = input_size or spec.input_size
    if untrained and checkpoint is not None:
        raise UsageError("--untrained and --checkpoint exclude each other")
    sha256: str | None = None
    notes: tuple[str, ...] = ()
    if untrained:
        model = models.create(name, input_size=size, num_classes=num_classes)
        classes, trained = num_classes or spec.num_classes, False
    else:
        if checkpoint is None:
            if name != DEMO:
                raise UsageError(
                    f"{name} needs its weights: give --checkpoint FILE, or --untrained for "
                    "random ones (benchmarks only)"
                )
            checkpoint = demo.weights_path()
        fit = checkpoints.fit(
            checkpoints.read(checkpoint), name, num_classes=num_classes, input_size=size
        )
        model, classes, trained = fit.model, fit.num_classes, True
        sha256, notes = fit.checkpoint.sha256, fit.notes
    reference = Reference(
        name=name,
        model=model.requires_grad_(False),
        num_classes=classes,
        input_size=size,
        normalization=normalization,
        trained=trained,
        checkpoint_sha256=sha256,
        notes=notes,
    )
    probe = np.full((1, *size, 3), 128, np.uint8)
    if not np.isfinite(reference.logits(probe)).all():
        raise CheckpointError(f"{checkpoint or name}: the model's own output is NaN or Inf")
    return reference
