"""The verbs, reading downwards: what goes in at the top comes out at the bottom.

reference model -> deploy form -> ExportedProgram -> model file -> folder on disk -> verdict
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from slide_mobile import (
    __version__,
    blame,
    images,
    models,
    parity,
    recipes,
    reference,
    replay,
    targets,
)
from slide_mobile import evidence as evidences
from slide_mobile.artifact import Artifact, Graph
from slide_mobile.blame import ModuleParity
from slide_mobile.certificate import certify, timestamp
from slide_mobile.deploy import deploy
from slide_mobile.errors import GateFailed, OutputError, UsageError
from slide_mobile.evidence import Evidence
from slide_mobile.export import export
from slide_mobile.parity import ParityReport
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.progress import Progress, silent
from slide_mobile.reference import Reference
from slide_mobile.staging import staging
from slide_mobile.targets import Converter, Request, Runner

# Of the deploy form against the reference, both fp32 in PyTorch: the rewrites are exact, so this
# only catches weights that are numerically out of reach. Measured 129 dB on slide_swin_tiny.
MIN_DEPLOY_SQNR_DB = 100
DEPLOY_SAMPLES = 16
CALIBRATION_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Check:
    """What `check` found: the numbers, and the modules that are farthest off (worst first)."""

    artifact: Path
    parity: ParityReport
    modules: tuple[ModuleParity, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `check --json`."""
        accuracy = self.parity.accuracy
        return {
            "artifact": str(self.artifact),
            **self.parity.to_json(),
            "failures": list(self.parity.failures),
            "accuracy": None if accuracy is None else vars(accuracy),
            "modules": [vars(row) for row in self.modules],
            "notes": list(self.notes),
        }


class ParityFailed(GateFailed):
    """The written file disagrees with PyTorch; `check` has the numbers, `report` is their file."""

    def __init__(self, check: Check, report: Path) -> None:
        worst = ", ".join(f"{m.module} {m.sqnr_db:.1f} dB" for m in check.modules[:3])
        failures = "; ".join(check.parity.failures)
        super().__init__(f"parity failed: {failures}; worst modules: {worst}; report: {report}")
        self.check, self.report = check, report


class _Rejected(Exception):
    """Carries the numbers of a file that missed its floor out of the staging folder."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


def convert(
    model: str = reference.DEMO,
    *,
    target: str,
    precision: str = "fp32",
    checkpoint: Path | None = None,
    untrained: bool = False,
    num_classes: int | None = None,
    labels: Path | None = None,
    input_size: tuple[int, int] | None = None,
    calibration: Path | None = None,
    calibration_samples: int = CALIBRATION_SAMPLES,
    normalization: Normalization = IMAGENET,
    backend: str | None = None,
    out: Path = Path("artifacts"),
    force: bool = False,
    progress: Progress = silent,
) -> Artifact:
    """Convert a model to `<out>/<model>-<target>-<precision>/` and prove it there.

    `input_size` is (height, width) in pixels. Raises UsageError for a wrong call or bad input,
    ToolchainMissing, and ParityFailed where a floor is missed: no folder is left then, only the
    report `<folder>.parity.json` beside where it would be.
    """
    models.spec(model)  # an unknown name must not become a path
    created = timestamp()
    recipe, converter = recipes.lookup(precision), targets.load(target)
    targets.require_recipe(target, converter, recipe)
    backend = targets.choose_backend(target, converter, backend)
    root = out / f"{model}-{target}-{precision}"
    rejected = root.with_name(f"{root.name}.parity.json")
    try:
        with staging(root, force=force) as folder:
            progress("load the model")
            ref = reference.load(
                model,
                normalization=normalization,
                checkpoint=checkpoint,
                untrained=untrained,
                num_classes=num_classes,
                input_size=input_size,
            )
            names = ref.default_labels() if labels is None else ref.read_labels(labels)
            evidence = evidences.gather(
                ref, recipe, folder=calibration, samples=calibration_samples, progress=progress
            )
            request = Request(
                recipe=recipe,
                backend=backend,
                labels=names,
                title=model,
                description=ref.description(),
                version=__version__,
                calibration=evidence.calibration_pixels,
            )
            path, expected, deployed = _lower(
                ref, evidence, target, converter, request, folder, progress
            )
            graph = _require_rank(target, converter, path)
            report = parity.compare(
                expected,
                run(converter.runner(path), evidence.comparison.pixels, progress=progress),
                recipe=recipe,
                trained=ref.trained,
                labels=evidence.comparison.labels,
            )
            if not report.passed:
                modules = blame.modules(converter, path, deployed, evidence.comparison.pixels)
                raise _Rejected(Check(artifact=root, parity=report, modules=modules))
            progress("write the artifact")
            certify(
                folder,
                path,
                target=target,
                converter=converter,
                request=request,
                ref=ref,
                evidence=evidence,
                expected=expected,
                report=report,
                graph=graph,
                created=created,
            )
    except _Rejected as error:
        _save(error.check, rejected)
        raise ParityFailed(error.check, rejected) from None
    rejected.unlink(missing_ok=True)
    return Artifact.open(root)


def check(
    root: Path,
    *,
    folder: Path | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> Check:
    """Run an artifact's file from disk against PyTorch again.

    The reference is rebuilt where its weights are at hand: the bundled demo, seeded untrained
    models, or `checkpoint`; else the golden logits in the manifest stand for it. `folder` holds
    class folders of labelled images. Raises ArtifactError, GateFailed (integrity), UsageError.
    """
    progress("verify the files")
    art = Artifact.open(root)
    art.verify()
    converter = targets.load(art.manifest.target)
    ref = replay.rebuild(art, checkpoint)
    golden, recorded = replay.golden(art)
    if ref is not None:
        replay.require_recorded(recorded, ref.logits(golden.pixels))

    compared, notes = golden, []
    if folder is not None:
        compared = images.read_labelled(folder, art.input_size, art.labels)
    elif ref is not None and ref.is_demo:
        compared = evidences.held_out(ref, progress)
    if ref is not None:
        expected = ref.logits(compared.pixels, progress=progress)
    elif folder is None:
        expected = recorded
        notes.append("PyTorch's logits are the recorded ones; --checkpoint runs it again")
    else:
        raise UsageError(
            f"labelled images need the reference model too: give the --checkpoint whose sha256 "
            f"is {art.manifest.model['checkpoint_sha256']}"
        )
    report = parity.compare(
        expected,
        run(converter.runner(art.model_path), compared.pixels, progress=progress),
        recipe=recipes.lookup(art.manifest.precision),
        trained=bool(art.manifest.model["trained"]),
        labels=compared.labels,
    )
    modules: tuple[ModuleParity, ...] = ()
    if ref is not None:
        progress("compare module by module")
        deployed = deploy(ref.model, normalization=ref.normalization)
        modules = blame.modules(converter, art.model_path, deployed, golden.pixels)
    return Check(artifact=root, parity=report, modules=modules, notes=(*notes, *compared.skipped))


def inspect(root: Path) -> Graph:
    """Re-read an artifact's file from disk; raises ArtifactError, GateFailed (integrity)."""
    art = Artifact.open(root)
    art.verify()
    return targets.load(art.manifest.target).inspect(art.model_path)


def run(
    runner: Runner, pixels: NDArray[np.uint8], *, progress: Progress = silent
) -> NDArray[np.float32]:
    """(N, H, W, 3) bytes -> (N, num_classes), one image at a time as on a phone."""
    rows = []
    for i, image in enumerate(pixels):
        progress("run the written file", i / len(pixels))
        rows.append(runner(image).copy())
    return np.stack(rows)


def _lower(
    ref: Reference,
    evidence: Evidence,
    target: str,
    converter: Converter,
    request: Request,
    folder: Path,
    progress: Progress,
) -> tuple[Path, NDArray[np.float32], nn.Module]:
    """Write the model file; return it, the reference's logits, and the deploy form behind it."""
    pixels = evidence.comparison.pixels
    expected = ref.logits(pixels, progress=progress)
    progress("rewrite to the deploy form")
    deployed = deploy(ref.model, normalization=ref.normalization)
    _require_exact(deployed, pixels[:DEPLOY_SAMPLES], expected[:DEPLOY_SAMPLES])
    progress(f"lower to {target}")
    path = folder / f"model{converter.SUFFIX}"
    converter.convert(export(deployed, ref.input_size, converter.LAYOUT), request, path)
    return path, expected, deployed


def _require_rank(target: str, converter: Converter, path: Path) -> Graph:
    graph = converter.inspect(path)
    if graph.max_rank > converter.MAX_RANK:
        raise GateFailed(
            f"the graph has tensors of rank {graph.max_rank}, {target} takes {converter.MAX_RANK} "
            "at most: this model has no deploy form, it is a baseline for the benchmarks"
        )
    return graph


def _save(check: Check, path: Path) -> None:
    text = json.dumps(check.to_json(), indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the parity report {path}: {error.strerror}") from error


@torch.no_grad()
def _require_exact(
    deployed: nn.Module, pixels: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    maps = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)
    found = np.concatenate([deployed(image[None]).numpy() for image in maps])
    db = parity.sqnr_db(expected, found)
    if not db >= MIN_DEPLOY_SQNR_DB:
        raise GateFailed(
            f"the deploy form is {db:.1f} dB from the reference, the floor is "
            f"{MIN_DEPLOY_SQNR_DB} dB: these weights are numerically extreme"
        )
