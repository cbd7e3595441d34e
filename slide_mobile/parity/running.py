"""Run a model file on many images, and judge what it computes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile.errors import ArtifactError
from slide_mobile.parity.result import ParityReport
from slide_mobile.progress import Progress, silent
from slide_mobile.recipes import Recipe
from slide_mobile.targets.converter import Converter, Runner
from slide_mobile.tasks import Outputs, Task, output_names


def run(
    runner: Runner,
    pixels: NDArray[np.uint8],
    task: Task,
    *,
    names: Sequence[str] = (),
    progress: Progress = silent,
) -> Outputs:
    """(N, H, W, 3) bytes -> logits (N, num_classes), or maps (N, H, W, C), by name.

    `names` are the outputs of a network of the user. Runs one image at a time, as on a phone.
    Raises ArtifactError if the file has other outputs.
    """
    names = output_names(task) or names
    rows: list[list[NDArray[np.float32]]] = []
    for i, image in enumerate(pixels):
        progress("run the model file", i / len(pixels))
        found = runner.outputs(image)
        if sorted(found) != sorted(names):
            raise ArtifactError(
                f"the model file has the outputs {', '.join(found)} instead of "
                f"{', '.join(names)}, so it is not for the task {task}; convert the model again"
            )
        _require_rows(found, task)
        if rows and [found[name].shape for name in names] != [x.shape for x in rows[0]]:
            raise ArtifactError("the model file's outputs change their shape; convert it again")
        rows.append([found[name].copy() for name in names])
    return {name: np.concatenate(x) for name, x in zip(names, zip(*rows, strict=True), strict=True)}


def _require_rows(found: Outputs, task: Task) -> None:
    """Raise ArtifactError unless these are the logits or the maps of one image."""
    ranks = {"classify": {2}, "features": {4}, "own": {1, 2, 3, 4}}[task]
    for name, x in found.items():
        if x.ndim not in ranks or x.shape[0] != 1 or not x.size:
            raise ArtifactError(
                f"the model file's output {name} has the shape {x.shape}, so it is not for the "
                f"task {task}; convert the model again"
            )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one executor of a model file computed, and the comparison of that with PyTorch."""

    outputs: Outputs
    report: ParityReport
    runtime: str


def executors(converter: Converter, path: Path, recipe: Recipe) -> tuple[Runner, ...]:
    """Return the runners that judge a file, the one whose numbers count first.

    The runtime of this machine may compute an fp16 file in fp32, which hides overflow. So an fp16
    file is also judged by an executor that rounds every result, and its numbers count. Raises
    ArtifactError.
    """
    ordinary = converter.runner(path)
    if recipe.weights != "float16":
        return (ordinary,)
    half = converter.half_runner(path)
    return (half,) if half.runtime == ordinary.runtime else (half, ordinary)


def judge(
    runners: Sequence[Runner],
    pixels: NDArray[np.uint8],
    task: Task,
    *,
    names: Sequence[str] = (),
    compare: Callable[[Outputs], ParityReport],
    progress: Progress = silent,
) -> Verdict:
    """Run a file by each executor; return the first verdict that misses a floor, else the first."""
    passed = []
    for runner in runners:
        found = run(runner, pixels, task, names=names, progress=progress)
        verdict = Verdict(outputs=found, report=compare(found), runtime=runner.runtime)
        if not verdict.report.passed:
            return verdict
        passed.append(verdict)
    return passed[0]
