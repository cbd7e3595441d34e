"""What a model is exported for, and what comes out of it then: names and layouts.

    classify   logits (1, num_classes)
    features   stage1 ... stage4, the maps that detection and segmentation heads stand on, at
               strides 4, 8, 16, 32: what `Backbone.features` gives, no norm or head behind it

In here maps are channels last, (N, H, W, C), whatever their layout in the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Task = Literal["classify", "features"]
TASKS: tuple[Task, ...] = get_args(Task)

Layout = Literal["NHWC", "NCHW"]

LOGITS = "logits"
STAGES = ("stage1", "stage2", "stage3", "stage4")

Outputs = Mapping[str, NDArray[np.float32]]  # by name; a row an image, of maps (N, H, W, C)


def output_names(task: Task) -> tuple[str, ...]:
    """Of a model's outputs, in their order."""
    return (LOGITS,) if task == "classify" else STAGES


def deployed_path(exported: str) -> str:
    """Of a module in the deploy form, by its path in an exported program (export.ImageModel)."""
    return exported.removeprefix("model").removeprefix(".")


def channels_last(x: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """(N, C, H, W) or (N, H, W, C), as `layout` says -> (N, H, W, C); logits as they are."""
    return x.transpose(0, 2, 3, 1) if layout == "NCHW" and x.ndim == 4 else x


def stored_shape(layout: Layout, shape: Sequence[int]) -> tuple[int, ...]:
    """(1, H, W, C) -> the shape of the same map in a file of that layout."""
    n, h, w, c = shape
    return (n, h, w, c) if layout == "NHWC" else (n, c, h, w)


def map_shape(layout: Layout, stored: Sequence[int]) -> tuple[int, ...]:
    """(1, H, W, C) of a map that has this shape in a file of that layout."""
    n, a, b, c = stored
    return (n, a, b, c) if layout == "NHWC" else (n, b, c, a)
