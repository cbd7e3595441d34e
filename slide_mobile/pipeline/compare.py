"""Run artifacts of one model on the same images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import recipes
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.isolation import isolated
from slide_mobile.isolation.files import StrPath
from slide_mobile.parity import datasets, images, pairwise, rebuild
from slide_mobile.parity.pairwise import Agreement
from slide_mobile.parity.running import executors, run
from slide_mobile.preprocess import find
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible
from slide_mobile.targets import registry
from slide_mobile.tasks import Outputs


@visible
def compare(
    roots: Sequence[StrPath], *, folder: StrPath | None = None, progress: Progress = automatic
) -> Agreement:
    """Run artifacts of one model on the same images, and compare them with each other.

    The images are those in `folder`; without a folder they are rendered drawings if the reference
    can be rebuilt, else the golden images of the first artifact. Raises ArtifactError, GateFailed
    (integrity), UsageError.
    """
    progress("verify the files")
    arts = [ArtifactFolder.open(Path(root)) for root in roots]
    for art in arts:
        art.verify()
    pairwise.require_one_model(arts)
    compared, _ = rebuild.golden_images(arts[0])
    task = arts[0].manifest.task
    if folder is not None:
        most = datasets.COMPARED if task == "classify" else datasets.COMPARED_MAPS
        paths = images.spread(find(Path(folder)), most)
        compared = images.read(paths, arts[0].input_size, source=Path(folder).name)
    elif (ref := rebuild.rebuild(arts[0], None)) is not None:
        compared = datasets.unlabelled(ref, progress)
    ran = [_run(art, compared.pixels, progress=progress) for art in arts]
    return pairwise.compare(
        arts,
        [outputs for outputs, _ in ran],
        runtimes=[runtime for _, runtime in ran],
        images=compared.source,
    )


@isolated(of=lambda art: art.root)
def _run(
    art: ArtifactFolder, pixels: NDArray[np.uint8], *, progress: Progress
) -> tuple[Outputs, str]:
    """What the executor whose numbers count computes, and its name."""
    converter, manifest = registry.load(art.manifest.target), art.manifest
    runner = executors(converter, art.model_path, recipes.lookup(manifest.precision))[0]
    return run(
        runner, pixels, manifest.task, names=manifest.output_names, progress=progress
    ), runner.runtime
