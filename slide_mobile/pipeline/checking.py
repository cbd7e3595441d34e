"""The work of `check`: run an artifact's file from disk against PyTorch again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from slide_mobile import recipes
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.golden import Recorded
from slide_mobile.deploy.forms import chosen
from slide_mobile.errors import UsageError
from slide_mobile.isolation.files import StrPath
from slide_mobile.parity import (
    claims,
    datasets,
    images,
    layerwise,
    metrics,
    range_audit,
    rebuild,
    result,
)
from slide_mobile.parity.check_result import CheckResult, GoldenParity
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.result import ModuleParity
from slide_mobile.parity.running import executors, judge
from slide_mobile.preprocess import find
from slide_mobile.progress import Progress
from slide_mobile.targets import registry, tuning
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import LOGITS, Outputs

# "evaluation": labeled images, drawings or a folder, else the golden images. "golden": only these.
Samples = Literal["evaluation", "golden"]


def check(
    root: Path,
    samples: Samples,
    folder: Path | None,
    checkpoint: StrPath | None,
    module: str | None,
    modules: bool | None,
    full: bool,
    progress: Progress,
) -> CheckResult:
    """Do what `pipeline.check` says, in this process."""
    progress("verify the files")
    art = ArtifactFolder.open(root)
    art.verify()
    claims.require(art)
    ref = _reference(art, samples, checkpoint, module, modules, folder)
    golden, recorded = rebuild.golden_images(art)
    if ref is not None:
        rebuild.require_recorded(recorded, ref.outputs(golden.pixels))
    compared = golden if samples == "golden" else _images(art, ref, golden, folder, full, progress)
    if ref is not None and samples == "evaluation":
        expected, seen = ref.outputs(compared.pixels, progress=progress), _all
    else:
        expected, seen = recorded.outputs, recorded.seen_in
    verdict = judge(
        _executors(art),
        compared.pixels,
        art.manifest.task,
        names=art.manifest.output_names,
        compare=lambda found: _report(art, expected, seen(found), compared),
        progress=progress,
    )
    return CheckResult(
        artifact=root,
        parity=verdict.report,
        modules=() if ref is None or modules is False else _modules(art, ref, golden, progress),
        images=compared.source,
        runtime=verdict.runtime,
        golden=_golden(art, expected, seen(verdict.outputs)) if compared is golden else (),
        notes=_notes(art, recorded, ref, samples, compared),
    )


def _reference(
    art: ArtifactFolder,
    samples: Samples,
    checkpoint: StrPath | None,
    module: str | None,
    modules: bool | None,
    folder: Path | None,
) -> Reference | None:
    """Rebuild the reference where it is needed and its weights are at hand; raises UsageError."""
    if samples == "golden" and modules is False:
        return None
    ref = rebuild.rebuild(art, checkpoint, module)
    if ref is None and (modules or folder is not None):
        wanted = f"the --checkpoint whose sha256 is {art.manifest.model.checkpoint_sha256}"
        if art.manifest.own is not None:
            wanted = "--module FILE.py:FUNCTION"
        raise UsageError(
            f"{'--modules' if modules else '--images'} needs the reference model: give {wanted}"
        )
    return ref


def _all(found: Outputs) -> Outputs:
    """Return the outputs as they are: PyTorch's are at hand for all of them."""
    return found


def _executors(art: ArtifactFolder) -> Sequence[Runner]:
    """The runners that judge the artifact's file."""
    converter = registry.load(art.manifest.target)
    return executors(converter, art.model_path, recipes.lookup(art.manifest.precision))


def _report(
    art: ArtifactFolder, expected: Outputs, found: Outputs, compared: ImageSet
) -> result.ParityReport:
    """The numbers of the comparison, and the floors of the artifact's precision."""
    return result.compare_outputs(
        expected,
        found,
        recipe=recipes.lookup(art.manifest.precision),
        trained=art.manifest.model.trained,
        labels=compared.labels,
    )


def _notes(
    art: ArtifactFolder,
    recorded: Recorded,
    ref: Reference | None,
    samples: Samples,
    compared: ImageSet,
) -> tuple[str, ...]:
    """Return what a reader of the numbers has to know about the images."""
    told = (*compared.skipped, *compared.odd)
    if ref is not None or samples == "golden":
        return told
    again = "--module FILE.py:FUNCTION" if art.manifest.own is not None else "--checkpoint FILE"
    note = f"compared with PyTorch's recorded {recorded.kind}; {again} runs PyTorch again"
    return (note, *told)


def _golden(art: ArtifactFolder, expected: Outputs, found: Outputs) -> tuple[GoldenParity, ...]:
    """Compare each golden image by itself."""
    return tuple(
        GoldenParity(
            file=item.file,
            sqnr_db=min(metrics.sqnr_db(expected[name][i], found[name][i]) for name in found),
            logits=found[LOGITS][i] if art.manifest.is_classifier else None,
        )
        for i, item in enumerate(art.manifest.golden)
    )


def _images(
    art: ArtifactFolder,
    ref: Reference | None,
    golden: ImageSet,
    folder: Path | None,
    full: bool,
    progress: Progress,
) -> ImageSet:
    """The user's images, else the demo's held-out drawings, else the golden images."""
    if folder is not None:
        return _of_folder(art, folder)
    if ref is not None and datasets.has_held_out(ref):
        return datasets.held_out(ref, progress, full)
    return golden


def _of_folder(art: ArtifactFolder, folder: Path) -> ImageSet:
    """A folder of class folders with its labels, or any folder of images without."""
    classifier = art.manifest.is_classifier
    if classifier and images.is_labelled(folder, art.labels):
        return images.read_labelled(folder, art.input_size, art.labels)
    most = datasets.COMPARED if classifier else datasets.COMPARED_MAPS
    return images.read(images.spread(find(folder), most), art.input_size, source=folder.name)


def _modules(
    art: ArtifactFolder, ref: Reference, golden: ImageSet, progress: Progress
) -> tuple[ModuleParity, ...]:
    """Compare the file's modules with those of the reference's deploy form."""
    progress("compare module by module")
    converter = registry.load(art.manifest.target)
    made = art.manifest
    forms = chosen(made.target, made.backend, made.precision, tuning.known(made.tune))
    headroom = range_audit.audit(ref, golden.pixels).headroom
    deployed = ref.deployed(converter.LAYOUT, forms, headroom)
    return layerwise.modules(converter, art.model_path, deployed, golden.pixels)
