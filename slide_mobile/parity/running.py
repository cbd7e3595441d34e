"""Run a model file on many images."""

import numpy as np
from numpy.typing import NDArray

from slide_mobile.errors import ArtifactError
from slide_mobile.progress import Progress, silent
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import Outputs, Task, output_names


def run(
    runner: Runner, pixels: NDArray[np.uint8], task: Task, *, progress: Progress = silent
) -> Outputs:
    """(N, H, W, 3) bytes -> logits (N, num_classes), or maps (N, H, W, C), by name.

    Runs one image at a time, as on a phone. Raises ArtifactError if the file has other outputs.
    """
    names, rows = output_names(task), []
    for i, image in enumerate(pixels):
        progress("run the model file", i / len(pixels))
        found = runner.outputs(image)
        if sorted(found) != sorted(names):
            raise ArtifactError(
                f"the model file has the outputs {', '.join(found)} instead of "
                f"{', '.join(names)}, so it is not for the task {task}; convert the model again"
            )
        rows.append([found[name].copy() for name in names])
    return {name: np.concatenate(x) for name, x in zip(names, zip(*rows, strict=True), strict=True)}
