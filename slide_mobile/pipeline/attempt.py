"""One attempt of a conversion: write the model file, run it, compare it with PyTorch."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from slide_mobile.artifact.manifest import Graph
from slide_mobile.artifact.own_network import LeftAlone
from slide_mobile.deploy.networks import Prepared
from slide_mobile.errors import GateFailed
from slide_mobile.parity import result
from slide_mobile.parity.datasets import Datasets
from slide_mobile.parity.range_audit import RangeAudit
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.result import ParityReport
from slide_mobile.parity.running import executors, judge
from slide_mobile.progress import Progress
from slide_mobile.targets.converter import Converter, Request
from slide_mobile.targets.tracing import lean_tracing
from slide_mobile.targets.tuning import Tune
from slide_mobile.tasks import Outputs


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that an attempt needs: the model, the target, and the images.

    `expected` holds PyTorch's outputs for the evaluation images. `prepared` holds the deploy form,
    which has the headroom that `ranges` measured.
    """

    target: str
    tune: Tune
    converter: Converter
    request: Request
    ref: Reference
    images: Datasets
    expected: Outputs
    ranges: RangeAudit
    prepared: Prepared

    @property
    def deployed(self) -> nn.Module:
        """The deploy form."""
        return self.prepared.network


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A model file, and the comparison of its outputs with PyTorch's.

    `float_modules` are modules that stay in float although the recipe would quantize them. `left`
    names modules with tensors of a rank that accelerators do not take.
    """

    path: Path
    graph: Graph
    left: tuple[LeftAlone, ...] = ()
    float_modules: tuple[str, ...]
    report: ParityReport
    runtime: str


def attempt(job: Job, folder: Path, float_modules: tuple[str, ...], progress: Progress) -> Attempt:
    """Write the model file into a folder, replacing an earlier one, and compare it with PyTorch.

    Raises GateFailed if the graph has tensors of a higher rank than the target supports, or
    operations that one of its accelerators computes wrongly.
    """
    ref, converter, compared = job.ref, job.converter, job.images.evaluation
    request = dataclasses.replace(job.request, float_modules=float_modules)
    progress(f"lower to {job.target}")
    path = folder / f"model{converter.SUFFIX}"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)  # not overwritten in place: a runtime may have mapped it
    with lean_tracing():
        program = ref.exported(job.deployed, converter.LAYOUT)
        left = ref.left(program)
        converter.convert(program, request, path)
    graph = converter.inspect(path)
    own = ref.task == "own"  # what its file does not do on every accelerator is reported
    if graph.max_rank > converter.MAX_RANK and not own:
        raise GateFailed(
            f"the graph has tensors of rank {graph.max_rank}, and {job.target} takes rank "
            f"{converter.MAX_RANK} at most: this model has no deploy form and is only a baseline "
            "for the benchmarks"
        )
    if (wrong := converter.misread(path)) and not own:
        raise GateFailed(
            f"an accelerator of {job.target} computes {len(wrong)} operations of the file wrongly, "
            f"first {wrong[0]}: report this model, or convert it to another target"
        )
    verdict = judge(
        executors(converter, path, request.recipe),
        compared.pixels,
        ref.task,
        names=ref.output_names,
        compare=lambda found: result.compare_outputs(
            job.expected,
            found,
            recipe=request.recipe,
            trained=ref.trained,
            labels=compared.labels,
        ),
        progress=progress,
    )
    return Attempt(
        path=path,
        graph=graph,
        left=left,
        float_modules=float_modules,
        report=verdict.report,
        runtime=verdict.runtime,
    )
