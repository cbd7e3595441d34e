"""The tasks that a model is exported for, and the names and layouts of its outputs.

    classify   logits (1, num_classes)
    features   stage1 ... stage4: feature maps at strides 4, 8, 16 and 32 for detection and
               segmentation heads; the result of `Backbone.features`, without the classifier
    own        what a network of the user gives, by the names that it has there

In Python, feature maps are channels last, (N, H, W, C), whatever their layout in the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Weights = Literal["raw", "ema"]  # those of the last step of training, or their moving average
CatalogueTask = Literal["classify", "features"]
TASKS: tuple[CatalogueTask, ...] = get_args(CatalogueTask)
Task = Literal["classify", "features", "own"]

Layout = Literal["NHWC", "NCHW"]

LOGITS = "logits"
STAGES = ("stage1", "stage2", "stage3", "stage4")

Outputs = Mapping[str, NDArray[np.float32]]  # by name: (N, num_classes), or maps (N, H, W, C)


def output_names(task: Task) -> tuple[str, ...]:
    """Return the names of a model's outputs, in order; none for "own", whose network names them."""
    return {"classify": (LOGITS,), "features": STAGES, "own": ()}[task]


def deployed_path(exported: str) -> str:
    """Return a module's path in the deploy form, given its path in an exported program."""
    return exported.removeprefix("model").removeprefix(".")


def channels_last(x: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Maps in this layout -> (N, H, W, C); logits are returned unchanged."""
    return x.transpose(0, 2, 3, 1) if layout == "NCHW" and x.ndim == 4 else x


def stored_shape(layout: Layout, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that a (1, H, W, C) map has in a file of this layout."""
    n, h, w, c = shape
    return (n, h, w, c) if layout == "NHWC" else (n, c, h, w)


def map_shape(layout: Layout, stored: Sequence[int]) -> tuple[int, ...]:
    """Return the shape (1, H, W, C) of a map, given its shape in a file of this layout."""
    n, a, b, c = stored
    return (n, a, b, c) if layout == "NHWC" else (n, b, c, a)
