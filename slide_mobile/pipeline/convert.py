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

from slide_mobile import models
from slide_mobile._version import __version__
from slide_mobile.artifact.atomic import staging
from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import Graph
from slide_mobile.deploy.export import export
from slide_mobile.deploy.forms import chosen
from slide_mobile.errors import GateFailed
from slide_mobile.parity import (
    datasets,
    layerwise,
    metrics,
    parallel,
    reference,
    result,
)
from slide_mobile.parity.check_result import Check, ParityFailed, Rejected, save
from slide_mobile.parity.running import run
from slide_mobile.pipeline import mixed_precision
from slide_mobile.pipeline.manifest_builder import Job, Proof, certify, timestamp
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Converter, Request
from slide_mobile.tasks import Outputs, Task, channels_last

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
    converter = registry.load(target)
    backend, recipe, via = registry.choose(
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
        evidence = datasets.gather(
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
    deployed = ref.deployed(converter.LAYOUT, forms)
    _require_exact(deployed, converter, compared.pixels[:DEPLOY_SAMPLES], expected)
    attempt = functools.partial(_attempt, job, deployed, expected, folder, progress)
    proof = mixed_precision.prove(job, deployed, attempt, progress)
    if not proof.report.passed:
        raise Rejected(
            Check(
                artifact=root,
                parity=proof.report,
                modules=layerwise.modules(converter, proof.path, deployed, compared.pixels),
                runtime=proof.runtime,
                notes=mixed_precision.in_vain(proof),
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
        report=result.compare_outputs(
            expected,
            run(runner, compared.pixels, ref.task, progress=progress),
            recipe=request.recipe,
            trained=ref.trained,
            labels=compared.labels,
        ),
        runtime=runner.runtime,
    )


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
        db = metrics.sqnr_db(rows[: len(x)], channels_last(x, converter.LAYOUT))
        if not db >= MIN_DEPLOY_SQNR_DB:
            raise GateFailed(
                f"{name} of the deploy form are {db:.1f} dB from the reference, the floor is "
                f"{MIN_DEPLOY_SQNR_DB} dB: these weights are numerically extreme"
            )
