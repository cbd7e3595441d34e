"""Check an artifact: run its file from disk against PyTorch again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import recipes
from slide_mobile.artifact.folder import Artifact
from slide_mobile.deploy.forms import chosen
from slide_mobile.errors import UsageError
from slide_mobile.parity import datasets, images, layerwise, rebuild, result
from slide_mobile.parity.check_result import CheckResult
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
) -> CheckResult:
    """Compare what an artifact's file computes with what PyTorch computes.

    The reference is rebuilt where its weights are at hand: the bundled demo, seeded untrained
    models, or `checkpoint`. Elsewhere what was recorded for the golden images stands for it.
    `folder` holds class folders of labelled images, or for features any images. With a rebuilt
    reference the modules are compared too; `require_modules` refuses to do without. Raises
    ArtifactError, GateFailed (integrity), UsageError.
    """
    progress("verify the files")
    art = Artifact.open(root)
    art.verify()
    ref = rebuild.rebuild(art, checkpoint)
    if ref is None and (require_modules or folder is not None):
        asked = "--modules needs" if require_modules else "--images needs"
        raise UsageError(
            f"{asked} the reference model: give the --checkpoint whose sha256 is "
            f"{art.manifest.model.checkpoint_sha256}"
        )
    golden, recorded = rebuild.golden_images(art)
    if ref is not None:
        rebuild.require_recorded(recorded, ref.outputs(golden.pixels))

    compared = _evaluation_images(art, ref, golden, folder, progress)
    notes = compared.skipped
    runner = registry.load(art.manifest.target).runner(art.model_path)
    found = run(runner, compared.pixels, art.manifest.task, progress=progress)
    if ref is not None:
        expected = ref.outputs(compared.pixels, progress=progress)
    else:
        expected, found = recorded.outputs, recorded.seen_in(found)
        notes = (f"PyTorch's {recorded.kind} were recorded; --checkpoint runs it again", *notes)
    report = result.compare_outputs(
        expected,
        found,
        recipe=recipes.lookup(art.manifest.precision),
        trained=art.manifest.model.trained,
        labels=compared.labels,
    )
    return CheckResult(
        artifact=root,
        parity=report,
        modules=() if ref is None else _modules(art, ref, golden.pixels, progress),
        images=compared.source,
        runtime=runner.runtime,
        notes=notes,
    )


def module_parity(
    art: Artifact, pixels: NDArray[np.uint8], *, progress: Progress = silent
) -> tuple[ModuleParity, ...]:
    """Compare each module of an artifact with PyTorch's, none where its weights are not at hand.

    The first layerwise.SAMPLES of `pixels`, (N, H, W, 3), are compared.
    """
    ref = rebuild.rebuild(art, None)
    return () if ref is None else _modules(art, ref, pixels, progress)


def _evaluation_images(
    art: Artifact, ref: Reference | None, golden: ImageSet, folder: Path | None, progress: Progress
) -> ImageSet:
    """The user's images, else the demo's held-out drawings, else the golden images."""
    if folder is not None and art.manifest.is_classifier:
        return images.read_labelled(folder, art.input_size, art.labels)
    if folder is not None:
        paths = images.spread(find(folder), datasets.COMPARED_MAPS)
        return images.read(paths, art.input_size, source=folder.name)
    if ref is not None and datasets.has_held_out(ref):
        return datasets.held_out(ref, progress)
    return golden


def _modules(
    art: Artifact, ref: Reference, pixels: NDArray[np.uint8], progress: Progress
) -> tuple[ModuleParity, ...]:
    progress("compare module by module")
    converter = registry.load(art.manifest.target)
    forms = chosen(art.manifest.target, art.manifest.backend, art.manifest.precision)
    deployed = ref.deployed(converter.LAYOUT, forms)
    return layerwise.modules(converter, art.model_path, deployed, pixels)
