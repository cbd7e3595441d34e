"""Run an artifact against PyTorch again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import recipes
from slide_mobile.artifact.folder import Artifact
from slide_mobile.deploy.forms import chosen
from slide_mobile.errors import UsageError
from slide_mobile.parity import datasets, images, layerwise, rebuild, result
from slide_mobile.parity.check_result import Check
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.layerwise import ModuleParity
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.running import run
from slide_mobile.preprocess import find
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry


def check(
    root: Path,
    *,
    folder: Path | None = None,
    checkpoint: Path | None = None,
    require_modules: bool = False,
    progress: Progress = silent,
) -> Check:
    """Run an artifact's file from disk against PyTorch again.

    The reference is rebuilt where its weights are at hand: the bundled demo, seeded untrained
    models, or `checkpoint`; else what was recorded for the golden images stands for it. `folder`
    holds class folders of labelled images, or images for features. With a rebuilt reference the
    modules are compared too; `require_modules` refuses to do without. Raises ArtifactError,
    GateFailed (integrity), UsageError.
    """
    progress("verify the files")
    art = Artifact.open(root)
    art.verify()
    converter = registry.load(art.manifest.target)
    ref = rebuild.rebuild(art, checkpoint)
    if ref is None and (require_modules or folder is not None):
        asked = "modules" if require_modules else "images of yours"
        raise UsageError(
            f"{asked} need the reference model too: give the --checkpoint whose sha256 is "
            f"{art.manifest.model['checkpoint_sha256']}"
        )
    golden, recorded = rebuild.golden_images(art)
    if ref is not None:
        rebuild.require_recorded(recorded, ref.outputs(golden.pixels))

    compared = golden
    if folder is not None:
        compared = _images_in(folder, art)
    elif ref is not None and datasets.has_held_out(ref):
        compared = datasets.held_out(ref, progress)
    notes = compared.skipped
    runner = converter.runner(art.model_path)
    found = run(runner, compared.pixels, art.manifest.task, progress=progress)
    if ref is not None:
        expected = ref.outputs(compared.pixels, progress=progress)
    else:
        expected, found = recorded.outputs, recorded.seen_in(found)
        notes = (
            f"PyTorch's {recorded.kind} are the recorded ones; --checkpoint runs it again",
            *notes,
        )
    report = result.compare_outputs(
        expected,
        found,
        recipe=recipes.lookup(art.manifest.precision),
        trained=bool(art.manifest.model["trained"]),
        labels=compared.labels,
    )
    modules: tuple[ModuleParity, ...] = ()
    if ref is not None:
        progress("compare module by module")
        modules = _by_module(art, ref, golden.pixels)
    return Check(artifact=root, parity=report, modules=modules, runtime=runner.runtime, notes=notes)


def module_parity(
    art: Artifact, pixels: NDArray[np.uint8], *, progress: Progress = silent
) -> tuple[ModuleParity, ...]:
    """Each module of an artifact beside PyTorch's, none where its weights are not at hand.

    On the first of `pixels`, (N, H, W, 3), which `blame` says how many of.
    """
    ref = rebuild.rebuild(art, None)
    if ref is None:
        return ()
    progress("compare module by module")
    return _by_module(art, ref, pixels)


def _by_module(
    art: Artifact, ref: Reference, pixels: NDArray[np.uint8]
) -> tuple[ModuleParity, ...]:
    converter = registry.load(art.manifest.target)
    forms = chosen(art.manifest.target, art.manifest.backend, art.manifest.precision)
    deployed = ref.deployed(converter.LAYOUT, forms)
    return layerwise.modules(converter, art.model_path, deployed, pixels)


def _images_in(folder: Path, art: Artifact) -> ImageSet:
    """Labelled images in class folders for a classifier, as many as there are; else some images."""
    if art.manifest.task == "classify":
        return images.read_labelled(folder, art.input_size, art.labels)
    paths = images.spread(find(folder), datasets.COMPARED_MAPS)
    return images.read(paths, art.input_size, source=folder.name)
