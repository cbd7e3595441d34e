"""Run artifacts of one model on the same images."""

from collections.abc import Sequence
from pathlib import Path

from slide_mobile import recipes
from slide_mobile.artifact.folder import Artifact
from slide_mobile.parity import datasets, images, pairwise, rebuild
from slide_mobile.parity.pairwise import Agreement
from slide_mobile.parity.running import executors, run
from slide_mobile.preprocess import find
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Runner


def compare(
    roots: Sequence[Path], *, folder: Path | None = None, progress: Progress = silent
) -> Agreement:
    """Run artifacts of one model on the same images, and compare them with each other.

    The images are those in `folder`; without a folder they are rendered drawings if the reference
    can be rebuilt, else the golden images of the first artifact. Raises ArtifactError, GateFailed
    (integrity), UsageError.
    """
    progress("verify the files")
    arts = [Artifact.open(root) for root in roots]
    for art in arts:
        art.verify()
    pairwise.require_one_model(arts)
    compared, _ = rebuild.golden_images(arts[0])
    task = arts[0].manifest.task
    if folder is not None:
        most = datasets.COMPARED if task == "classify" else datasets.COMPARED_MAPS
        paths = images.spread(find(folder), most)
        compared = images.read(paths, arts[0].input_size, source=folder.name)
    elif (ref := rebuild.rebuild(arts[0], None)) is not None:
        compared = datasets.unlabelled(ref, progress)
    runners = [_executor(art) for art in arts]
    return pairwise.compare(
        arts,
        [run(runner, compared.pixels, task, progress=progress) for runner in runners],
        runtimes=[runner.runtime for runner in runners],
        images=compared.source,
    )


def _executor(art: Artifact) -> Runner:
    """Return the runner whose numbers count for this artifact."""
    converter = registry.load(art.manifest.target)
    return executors(converter, art.model_path, recipes.lookup(art.manifest.precision))[0]
