"""The verbs, reading downwards: what goes in at the top comes out at the bottom.

reference model -> deploy form -> ExportedProgram -> model file -> folder on disk -> verdict
"""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from slide_mobile import (
    __version__,
    agreement,
    blame,
    fallback,
    images,
    models,
    parallel,
    parity,
    recipes,
    reference,
    replay,
    targets,
)
from slide_mobile import evidence as evidences
from slide_mobile.agreement import Agreement
from slide_mobile.artifact import Artifact, Graph
from slide_mobile.blame import ModuleParity
from slide_mobile.certificate import Job, Proof, certify, timestamp
from slide_mobile.deploy import deploy
from slide_mobile.deploy.forms import Forms, chosen
from slide_mobile.errors import ArtifactError, GateFailed, UsageError
from slide_mobile.export import export
from slide_mobile.images import ImageSet
from slide_mobile.preprocess import IMAGENET, Normalization, find
from slide_mobile.progress import Progress, silent
from slide_mobile.reference import Reference
from slide_mobile.staging import staging
from slide_mobile.targets import Converter, Request, Runner
from slide_mobile.tasks import Outputs, Task, channels_last, output_names
from slide_mobile.verdict import Check, ParityFailed, Rejected, save

# Of the deploy form against the reference, both fp32 in PyTorch: the rewrites are exact, so this
# only catches weights that are numerically out of reach. Measured 129 dB on slide_swin_tiny.
MIN_DEPLOY_SQNR_DB = 100
DEPLOY_SAMPLES = 16
CALIBRATION_SAMPLES = 64


def convert(
    model: str = reference.DEMO,
    *,
    target: str,
    precision: str | None = None,
    checkpoint: Path | None = None,
    untrained: bool = False,
    num_classes: int | None = None,
    labels: Path | None = None,
    input_size: tuple[int, int] | None = None,
    calibration: Path | None = None,
    calibration_samples: int = CALIBRATION_SAMPLES,
    normalization: Normalization = IMAGENET,
    backend: str | None = None,
    via: str | None = None,
    task: Task = "classify",
    out: Path = Path("artifacts"),
    force: bool = False,
    progress: Progress = silent,
) -> Artifact:
    """Convert a model to `<out>/<model>-<target>-<precision>/` and prove it there.

    The task "features" leaves the classifier out: the file gives the maps of the four stages, and
    the folder is `<model>-features-<target>-<precision>`.
    Target, precision, backend and road (`via`) are names that `targets` knows; left out, the
    target's first ones serve. `input_size` is (height, width) in pixels. Raises UsageError for a
    wrong call or bad input, ToolchainMissing, and ParityFailed where a floor is missed: no folder
    is left then, only the report `<folder>.parity.json` beside where it would be.
    """
    models.spec(model)  # an unknown name must not become a path
    created = timestamp()
    converter = targets.load(target)
    backend, recipe, via = targets.choose(
        target, converter, backend=backend, precision=precision, via=via
    )
    exported = model if task == "classify" else f"{model}-{task}"
    root = out / f"{exported}-{target}-{recipe.name}"
    with _reported(root), staging(root, force=force) as folder:
        progress("load the model")
        ref = reference.load(
            model,
            normalization=normalization,
            checkpoint=checkpoint,
            untrained=untrained,
            num_classes=num_classes,
            input_size=input_size,
            task=task,
        )
        names = ref.default_labels() if labels is None else ref.read_labels(labels)
        evidence = evidences.gather(
            ref, recipe, folder=calibration, samples=calibration_samples, progress=progress
        )
        request = Request(
            recipe=recipe,
            backend=backend,
            via=via,
            labels=names,
            title=model,
            description=ref.description(),
            version=__version__,
            facts=ref.facts(recipe.name),
            calibration=evidence.calibration_pixels,
            task=task,
        )
        job = Job(target=target, converter=converter, request=request, ref=ref, evidence=evidence)
        proof = _prove(job, root, folder, progress)
        progress("write the artifact")
        certify(job, proof, created=created)
    return Artifact.open(root)


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
    converter = targets.load(art.manifest.target)
    ref = replay.rebuild(art, checkpoint)
    if ref is None and (require_modules or folder is not None):
        asked = "modules" if require_modules else "images of yours"
        raise UsageError(
            f"{asked} need the reference model too: give the --checkpoint whose sha256 is "
            f"{art.manifest.model['checkpoint_sha256']}"
        )
    golden, recorded = replay.golden_images(art)
    if ref is not None:
        replay.require_recorded(recorded, ref.outputs(golden.pixels))

    compared = golden
    if folder is not None:
        compared = _images_in(folder, art)
    elif ref is not None and evidences.has_held_out(ref):
        compared = evidences.held_out(ref, progress)
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
    report = parity.compare_outputs(
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
    ref = replay.rebuild(art, None)
    if ref is None:
        return ()
    progress("compare module by module")
    return _by_module(art, ref, pixels)


def compare(
    roots: Sequence[Path], *, folder: Path | None = None, progress: Progress = silent
) -> Agreement:
    """Run artifacts of one model on the same images, and compare them with each other.

    On the images in `folder`, or drawings where the demo's are known to fit, or the golden images
    of the first. Raises ArtifactError, GateFailed (integrity), UsageError.
    """
    progress("verify the files")
    arts = [Artifact.open(root) for root in roots]
    for art in arts:
        art.verify()
    agreement.require_one_model(arts)
    compared, _ = replay.golden_images(arts[0])
    task = arts[0].manifest.task
    if folder is not None:
        most = evidences.COMPARED if task == "classify" else evidences.COMPARED_MAPS
        paths = images.spread(find(folder), most)
        compared = images.read(paths, arts[0].input_size, source=folder.name)
    elif (ref := replay.rebuild(arts[0], None)) is not None:
        compared = evidences.unlabelled(ref, progress)
    runners = [targets.load(art.manifest.target).runner(art.model_path) for art in arts]
    return agreement.compare(
        arts,
        [run(runner, compared.pixels, task, progress=progress) for runner in runners],
        runtimes=[runner.runtime for runner in runners],
        images=compared.source,
    )


def inspect(root: Path) -> Graph:
    """Re-read an artifact's file from disk; raises ArtifactError, GateFailed (integrity)."""
    art = Artifact.open(root)
    art.verify()
    return targets.load(art.manifest.target).inspect(art.model_path)


def run(
    runner: Runner, pixels: NDArray[np.uint8], task: Task, *, progress: Progress = silent
) -> Outputs:
    """(N, H, W, 3) bytes -> logits (N, num_classes), or maps (N, H, W, C), by name.

    One image at a time, as on a phone. Raises ArtifactError where the file has other outputs.
    """
    names, rows = output_names(task), []
    for i, image in enumerate(pixels):
        progress("run the written file", i / len(pixels))
        found = runner.outputs(image)
        if sorted(found) != sorted(names):
            raise ArtifactError(
                f"the model file gives {', '.join(found)} instead of {', '.join(names)}: it is no "
                f"{task} model; convert the model again"
            )
        rows.append([found[name].copy() for name in names])
    return {name: np.concatenate(x) for name, x in zip(names, zip(*rows, strict=True), strict=True)}


@contextlib.contextmanager
def _reported(root: Path) -> Iterator[None]:
    """Keep the numbers of a file that missed its floor, beside `root`, and raise ParityFailed."""
    report = root.with_name(f"{root.name}.parity.json")
    try:
        yield
    except Rejected as error:
        save(error.check, report)
        raise ParityFailed(error.check, report) from None
    report.unlink(missing_ok=True)


def _prove(job: Job, root: Path, folder: Path, progress: Progress) -> Proof:
    """Write the model file and hold it against PyTorch; raises GateFailed, Rejected."""
    ref, converter, compared = job.ref, job.converter, job.evidence.comparison
    expected = ref.outputs(compared.pixels, progress=progress)
    progress("rewrite to the deploy form")
    forms = chosen(job.target, job.request.backend, job.request.recipe.name)
    deployed = _deployed(ref, converter, forms)
    _require_exact(deployed, converter, compared.pixels[:DEPLOY_SAMPLES], expected)
    attempt = functools.partial(_attempt, job, deployed, expected, folder, progress)
    proof = fallback.prove(job, deployed, attempt, progress)
    if not proof.report.passed:
        raise Rejected(
            Check(
                artifact=root,
                parity=proof.report,
                modules=blame.modules(converter, proof.path, deployed, compared.pixels),
                runtime=proof.runtime,
                notes=fallback.in_vain(proof),
            )
        )
    return proof


def _attempt(
    job: Job,
    deployed: nn.Module,
    expected: Outputs,
    folder: Path,
    progress: Progress,
    float_modules: Sequence[str],
) -> Proof:
    """Write the model file, in place of another one, and run it; raises GateFailed."""
    ref, converter, compared = job.ref, job.converter, job.evidence.comparison
    progress(f"lower to {job.target}")
    path = folder / f"model{converter.SUFFIX}"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)  # not written over: a runtime may have it mapped
    request = dataclasses.replace(job.request, float_modules=tuple(float_modules))
    converter.convert(export(deployed, ref.input_size, converter.LAYOUT), request, path)
    graph = converter.inspect(path)
    _require_rank(job.target, converter, graph)
    runner = converter.runner(path)
    return Proof(
        path=path,
        graph=graph,
        float_modules=tuple(float_modules),
        expected=expected,
        report=parity.compare_outputs(
            expected,
            run(runner, compared.pixels, ref.task, progress=progress),
            recipe=request.recipe,
            trained=ref.trained,
            labels=compared.labels,
        ),
        runtime=runner.runtime,
    )


def _deployed(ref: Reference, converter: Converter, forms: Forms) -> nn.Module:
    return deploy(ref.model, normalization=ref.normalization, layout=converter.LAYOUT, forms=forms)


def _by_module(
    art: Artifact, ref: Reference, pixels: NDArray[np.uint8]
) -> tuple[ModuleParity, ...]:
    converter = targets.load(art.manifest.target)
    forms = chosen(art.manifest.target, art.manifest.backend, art.manifest.precision)
    return blame.modules(converter, art.model_path, _deployed(ref, converter, forms), pixels)


def _require_rank(target: str, converter: Converter, graph: Graph) -> None:
    if graph.max_rank > converter.MAX_RANK:
        raise GateFailed(
            f"the graph has tensors of rank {graph.max_rank}, {target} takes {converter.MAX_RANK} "
            "at most: this model has no deploy form, it is a baseline for the benchmarks"
        )


def _require_exact(
    deployed: nn.Module, converter: Converter, pixels: NDArray[np.uint8], expected: Outputs
) -> None:
    found = parallel.outputs(deployed, list(pixels))
    for (name, rows), x in zip(expected.items(), found, strict=True):
        db = parity.sqnr_db(rows[: len(x)], channels_last(x, converter.LAYOUT))
        if not db >= MIN_DEPLOY_SQNR_DB:
            raise GateFailed(
                f"{name} of the deploy form are {db:.1f} dB from the reference, the floor is "
                f"{MIN_DEPLOY_SQNR_DB} dB: these weights are numerically extreme"
            )


def _images_in(folder: Path, art: Artifact) -> ImageSet:
    """Labelled images in class folders for a classifier, as many as there are; else some images."""
    if art.manifest.task == "classify":
        return images.read_labelled(folder, art.input_size, art.labels)
    paths = images.spread(find(folder), evidences.COMPARED_MAPS)
    return images.read(paths, art.input_size, source=folder.name)
