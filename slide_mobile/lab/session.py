"""Run labs on an artifact, and judge what they computed."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from slide_mobile.artifact import atomic, documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import GateFailed
from slide_mobile.lab import results, subject
from slide_mobile.lab.labs import Execution, Lab
from slide_mobile.lab.process import Ran, WorkerFailed
from slide_mobile.lab.subject import Subject
from slide_mobile.lab.verdict import LabResults, Verdict
from slide_mobile.parity import result
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.result import ParityReport
from slide_mobile.progress import Progress, silent
from slide_mobile.recipes import lookup
from slide_mobile.tasks import Outputs

IMAGES = 4  # golden images that a lab runs; the first one runs twice


def run(
    artifact: ArtifactFolder,
    labs: Sequence[Lab],
    *,
    images: int = IMAGES,
    progress: Progress = silent,
) -> LabResults:
    """Run an artifact's file in labs, and compare its outputs with PyTorch's.

    Uses the first `images` golden images. A lab that runs no such files is left out. Raises
    GateFailed for an artifact that does not match its manifest.
    """
    artifact.verify()
    manifest = artifact.manifest
    concerned = [lab for lab in labs if lab.takes(manifest.target, manifest.precision)]
    verdicts: list[Verdict] = []
    if concerned:
        progress("run the model file")
        tested = subject.load(artifact, images)
        for lab in concerned:
            verdicts += _verdicts(lab, lab.executions(manifest), tested, progress)
    return LabResults(manifest_sha256=artifact.manifest_sha256, verdicts=tuple(verdicts))


def require(
    artifact: ArtifactFolder, labs: Sequence[Lab], report: Path, *, progress: Progress = silent
) -> None:
    """Raise GateFailed unless the file passes in these labs, and write lab.json.

    If it does not pass, the results are saved as `report` instead.
    """
    found = run(artifact, labs, progress=progress)
    if missed := found.missed([lab.name for lab in labs]):
        atomic.write_file(report, documents.encode(found))
        raise GateFailed(f"{'; '.join(missed)}; report: {report}")
    results.save(artifact, found)


def _verdicts(
    lab: Lab, executions: Sequence[Execution], tested: Subject, progress: Progress
) -> Iterator[Verdict]:
    """Run the file in every way in which this lab runs it."""
    for execution in executions:
        progress(f"run on {lab.name} in {execution.arithmetic}")
        started = time.monotonic()
        try:
            verdict = _verdict(
                lab, execution, execution.run(tested.artifact, tested.inputs), tested
            )
        except WorkerFailed as error:
            verdict = Verdict(
                lab=lab.name, arithmetic=execution.arithmetic, outcome="refused", why=str(error)
            )
        yield replace(verdict, seconds=round(time.monotonic() - started, 1))


def _verdict(lab: Lab, execution: Execution, ran: Ran, tested: Subject) -> Verdict:
    """Judge what a lab computed; raises WorkerFailed for outputs that are not the artifact's."""
    found, repeatable = tested.split(ran.outputs)
    report = _compare(tested, found)
    here = _compare(tested, tested.host)
    host_db = min(sqnr_db(x, found[name]) for name, x in tested.host.items())
    floor = execution.min_sqnr_db
    if execution.max_loss_db is not None:
        floor = max(floor, here.sqnr_db - execution.max_loss_db)
    problems = list(_problems(execution, report, floor, host_db))
    if not repeatable:
        problems.append("the first image gave other outputs when it ran again")
    refused = ran.said.refused
    return Verdict(
        lab=lab.name,
        arithmetic=execution.arithmetic,
        outcome="refused" if refused else "failed" if problems else "passed",
        executor=execution.executor(ran),
        sqnr_db=round(report.sqnr_db, 2),
        min_sqnr_db=round(floor, 2),
        host_sqnr_db=round(host_db, 2),
        min_host_sqnr_db=execution.min_host_db,
        max_abs=report.max_abs,
        top1_agreement=report.top1_agreement,
        images=tested.count,
        repeatable=repeatable,
        why="; ".join(refused or problems),
    )


def _compare(tested: Subject, found: Outputs) -> ParityReport:
    """Compare outputs with PyTorch's."""
    manifest = tested.artifact.manifest
    return result.compare_outputs(
        tested.expected.outputs,
        found,
        recipe=lookup(manifest.precision),
        trained=manifest.model.trained,
    )


def _problems(
    execution: Execution, report: ParityReport, floor: float, host_db: float
) -> Iterator[str]:
    """Yield a line for each floor that was missed."""
    if not report.sqnr_db >= floor:
        yield f"SQNR {report.sqnr_db:.1f} dB, the floor is {floor:.1f} dB"
    least = execution.min_host_db
    if least is not None and not host_db >= least:
        yield f"{host_db:.1f} dB from this machine's runtime, the floor is {least:.0f} dB"
    if report.trained and report.top1_agreement is not None and report.top1_agreement < 1:
        yield f"another top-1 class in {1 - report.top1_agreement:.0%} of {report.samples} images"
