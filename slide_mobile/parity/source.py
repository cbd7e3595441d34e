"""The inputs of a conversion: the model with its weights, and the calibration images for int8.

The command line, release files and Python callers all build these values.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile.errors import UsageError
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.tasks import Weights

DEMO = "slide_swin_demo"
# How the name of a checkpoint ends, and that of no model.
CHECKPOINTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".index.json", ".tar")
MOST_SIDE = 2048  # of an input image, in pixels; memory grows with both sides
MOST_DIGITS = 9  # of a number of pixels; Python refuses to read one of thousands
MOST_IMAGES = 10_000  # most images in a set; at 224x224 they take 1.5 GB of memory


@dataclass(frozen=True)
class ModelSource:
    """A registered model, and where its weights come from.

    The demo comes with weights; every other model needs a `checkpoint`, or `untrained` for seeded
    random weights. Without a name it is that of the model whose weights the checkpoint holds, or
    the demo's. `weights` chooses where a file holds raw and averaged ones. `input_size` is (height,
    width) in pixels; None takes the model's default. `labels` is a text file with one label per
    line. Raises UsageError if `untrained` and `checkpoint` are both given.
    """

    name: str | None = None
    checkpoint: Path | None = None
    untrained: bool = False
    num_classes: int | None = None
    input_size: tuple[int, int] | None = None
    normalization: Normalization = IMAGENET
    labels: Path | None = None
    weights: Weights | None = None

    @property
    def title(self) -> str:
        """The name of the model, which is known by then, for the artifact's folder."""
        assert self.name is not None
        return self.name

    def __post_init__(self) -> None:
        """Refuse two sources of weights, and a choice between weights where there are none."""
        if self.untrained and self.checkpoint is not None:
            raise UsageError("give either --untrained or --checkpoint, not both")
        if self.weights is not None and self.checkpoint is None:
            raise UsageError("--weights chooses among those of a file: give it with --checkpoint")


def model_source(model: str, **given: Any) -> ModelSource:
    """The source for the name of a model or the path of a checkpoint; raises UsageError for both.

    `given` are the other fields of ModelSource.
    """
    if not model.lower().endswith(CHECKPOINTS):
        return ModelSource(name=model, **given)
    if given.get("checkpoint") is not None:
        raise UsageError(f"{model} is a checkpoint, and so is --checkpoint: give one of them")
    return ModelSource(**{**given, "checkpoint": Path(model)})


@dataclass(frozen=True)
class CalibrationImages:
    """The calibration set of static int8: a folder of images, and how many of them to use.

    A user's checkpoint needs a folder; the demo and untrained models are calibrated on rendered
    drawings without one. Raises UsageError for a number of images that is out of range.
    """

    folder: Path | None = None
    samples: int = 64

    def __post_init__(self) -> None:
        """Refuse a number of images outside 1 to MOST_IMAGES."""
        if not 1 <= self.samples <= MOST_IMAGES:
            raise UsageError(
                f"--calibration-samples must be 1 to {MOST_IMAGES}, got {self.samples}"
            )


DEFAULT_CALIBRATION = CalibrationImages()


def size(text: str) -> tuple[int, int]:
    """Read (height, width) from "224" or "224x320"; raises UsageError."""
    parts = text.lower().split("x")
    digits = all(part.isdecimal() and len(part) <= MOST_DIGITS for part in parts)
    if len(parts) > 2 or not digits or not all(int(part) for part in parts):
        raise UsageError(
            f"--input-size takes N or HxW in pixels, such as 224 or 224x320, not {text[:40]!r}"
        )
    if max(map(int, parts)) > MOST_SIDE:
        raise UsageError(f"--input-size takes at most {MOST_SIDE} pixels, not {text[:40]}")
    return int(parts[0]), int(parts[-1])


def normalization(mean: str | None, std: str | None) -> Normalization:
    """Read mean and standard deviation, each "R,G,B"; None gives ImageNet's. Raises UsageError."""
    return Normalization(
        mean=IMAGENET.mean if mean is None else _rgb("--mean", mean),
        std=IMAGENET.std if std is None else _rgb("--std", std),
    )


def _rgb(option: str, text: str) -> tuple[float, float, float]:
    """Read "R,G,B", each in 0..1; raises UsageError."""
    try:
        r, g, b = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{option} takes three numbers such as 0.5,0.5,0.5, not {text[:40]!r}"
        ) from error
    if not all(0 <= value <= 1 for value in (r, g, b)):
        raise UsageError(f"{option} is for RGB in 0..1, got {text[:40]}; divide by 255")
    return r, g, b
