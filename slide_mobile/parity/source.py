"""The inputs of a conversion: the model with its weights, and the calibration images for int8.

The command line, release files and Python callers all build these values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slide_mobile.errors import UsageError
from slide_mobile.isolation.files import StrPath
from slide_mobile.preprocess import IMAGENET, Normalization, Opened, Size, sides
from slide_mobile.tasks import Weights

if TYPE_CHECKING:
    from torch import Tensor

DEMO = "slide_swin_demo"
# How the name of a checkpoint ends, and that of no model.
CHECKPOINTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".index.json", ".tar")
MOST_SIDE = 2048  # of an input image, in pixels; memory grows with both sides
MOST_DIGITS = 9  # of a number of pixels; Python refuses to read one of thousands
MOST_IMAGES = 10_000  # most images in a set; at 224x224 they take 1.5 GB of memory


@dataclass(frozen=True)
class ModelSource:
    """A registered model, and where its weights come from.

    The demo comes with weights; every other model needs a file (`checkpoint`), tensors in memory
    (`state_dict`, by name), or `untrained` for seeded random weights. Without a name it is that of
    the model whose weights are given, or the demo's. `weights` chooses where raw and averaged ones
    are given. `input_size` is the side of a square, or (height, width), in pixels; None takes the
    model's default. `labels` is a text file with one label per line. `stripes` are the widths of
    CSwin's stripes in its first three stages, which no weight shows; 1, 2 and 7 by default. Raises
    UsageError for weights from two sources, and for an input size that is none.
    """

    name: str | None = None
    checkpoint: StrPath | None = None
    untrained: bool = False
    num_classes: int | None = None
    input_size: Size | None = None
    normalization: Normalization = IMAGENET
    labels: StrPath | None = None
    weights: Weights | None = None
    stripes: tuple[int, ...] | None = None
    state_dict: "Mapping[str, Tensor] | None" = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """The name of the model, which is known by then, for the artifact's folder."""
        assert self.name is not None
        return self.name

    def __post_init__(self) -> None:
        """Refuse two sources of weights, and a choice between weights where there are none."""
        if self.untrained and self.checkpoint is not None:
            raise UsageError("give either --untrained or --checkpoint, not both")
        if self.state_dict is not None and (self.untrained or self.checkpoint is not None):
            raise UsageError("give either state_dict, checkpoint or untrained, not two of them")
        if self.weights is not None and not self.is_given:
            raise UsageError("--weights chooses among those of a file: give it with --checkpoint")
        if self.input_size is not None:
            sides(self.input_size)

    @property
    def is_given(self) -> bool:
        """Whether the weights are the user's own, in a file or in memory."""
        return self.checkpoint is not None or self.state_dict is not None


def model_source(model: StrPath, **given: Any) -> ModelSource:
    """The source for the name of a model or the path of a checkpoint; raises UsageError for both.

    `given` are the other fields of ModelSource.
    """
    if isinstance(model, str) and not model.lower().endswith(CHECKPOINTS):
        return ModelSource(name=model, **given)
    if given.get("checkpoint") is not None:
        raise UsageError(f"{model} is a checkpoint, and so is --checkpoint: give one of them")
    return ModelSource(**{**given, "checkpoint": Path(model)})


@dataclass(frozen=True)
class CalibrationImages:
    """The calibration set of static int8: images, and how many of them to use.

    They are in a `folder`, or in memory: `images` is an array of RGB bytes (N, H, W, 3), or gives
    such arrays (H, W, 3) and PIL images, one after the other; an iterator can be used once. The
    file is compared with PyTorch on others of them, as many as there are up to 128. A user's
    weights need images; the demo and untrained models are calibrated on rendered drawings without
    any. Raises UsageError for a number of images that is out of range, and for two sources.
    """

    folder: StrPath | None = None
    samples: int = 64
    images: Iterable[Opened] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse two sources, and a number of images outside 1 to MOST_IMAGES."""
        if self.folder is not None and self.images is not None:
            raise UsageError("give calibration images as a folder or in memory, not both")
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


def stripes(text: str | None) -> tuple[int, ...] | None:
    """Read the widths "1,2,12"; None stays None. Raises UsageError."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(p.isdecimal() and 0 < int(p[:MOST_DIGITS]) <= 64 for p in parts):
        raise UsageError(
            f"--stripes takes the widths of three stages, such as 1,2,12, not {text[:40]!r}"
        )
    return tuple(map(int, parts))


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
