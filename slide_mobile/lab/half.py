"""The fp16 lab: the file's own program, with the result of every operation rounded to fp16.

This machine's runtimes may compute a declared fp16 file in fp32, which hides overflow. Here values
over 65504 become infinite. Sums inside an operation keep the precision of its kernel, so hardware
with fp16 accumulators rounds more often. For a .pte the labs of Arm cores with fp16 have these.
"""

import numpy as np

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.isolation import isolated
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.process import Ran, Said
from slide_mobile.recipes import lookup
from slide_mobile.targets import registry


def _executions(manifest: Manifest) -> tuple[Execution, ...]:
    floor = lookup(manifest.precision).min_sqnr_db
    return (
        Execution(
            arithmetic="fp16", min_sqnr_db=floor, run=_run, executor=lambda ran: ran.said.release
        ),
    )


@isolated(of=lambda artifact: artifact.root)
def _run(artifact: ArtifactFolder, inputs: Inputs) -> Ran:
    """Run the file by its target's executor that rounds."""
    planar = artifact.manifest.input.layout == "NCHW"
    images = inputs.transpose(0, 2, 3, 1) if planar else inputs
    runner = registry.load(artifact.manifest.target).half_runner(artifact.model_path)
    rows = [
        {name: np.array(x) for name, x in runner.call(image.astype(np.uint8)).items()}
        for image in images
    ]
    outputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return Ran(outputs=outputs, said=Said(release=runner.runtime))


FP16 = Lab(
    name="fp16",
    targets=tuple(registry.names()),
    proves="a file of precision fp16 keeps its accuracy, and overflows nowhere, in fp16 arithmetic",
    leaves_open=(
        "accumulators in fp16, which arm64-a76 has for .pte files, "
        "and functions that hardware approximates"
    ),
    weights="float16",
    executions=_executions,
)
