"""What a conversion starts from: the model with its weights, and the images that int8 learns from.

The command line, a release file and Python callers build these same values.
"""

from dataclasses import dataclass
from pathlib import Path

from slide_mobile.errors import UsageError
from slide_mobile.preprocess import IMAGENET, Normalization

DEMO = "slide_swin_demo"
MOST_IMAGES = 10_000  # in a set: what fits into memory at 224x224, 1.5 GB


@dataclass(frozen=True)
class ModelSource:
    """A model by name, and where its weights come from.

    The bundled demo needs nothing else; any other model needs a `checkpoint`, or `untrained` for
    seeded random weights. `input_size` is (height, width) in pixels, the model's own where None.
    `labels` is a text file with one label a line. Raises UsageError for a contradiction.
    """

    name: str = DEMO
    checkpoint: Path | None = None
    untrained: bool = False
    num_classes: int | None = None
    input_size: tuple[int, int] | None = None
    normalization: Normalization = IMAGENET
    labels: Path | None = None

    def __post_init__(self) -> None:
        """Refuse two sources of weights, and none at all."""
        if self.untrained and self.checkpoint is not None:
            raise UsageError("--untrained and --checkpoint exclude each other")


@dataclass(frozen=True)
class CalibrationImages:
    """Images that static int8 learns its ranges from: a folder, and how many of it to use.

    Without a folder, the demo and untrained models learn from rendered drawings; a user's own
    checkpoint needs a folder. Raises UsageError for a number of images out of range.
    """

    folder: Path | None = None
    samples: int = 64

    def __post_init__(self) -> None:
        """Refuse a number of images that is no number of images."""
        if not 1 <= self.samples <= MOST_IMAGES:
            raise UsageError(
                f"--calibration-samples must be 1 to {MOST_IMAGES}, got {self.samples}"
            )


DEFAULT_CALIBRATION = CalibrationImages()
