"""The GPU lab: LiteRT's GPU accelerator on Vulkan drivers that compute on the CPU.

ai-edge-litert's Linux wheel has the accelerator (ML Drift, by WebGPU). Chromium carries SwiftShader
as a Vulkan driver, which has no fp16: there, the accelerator computes in fp32 whatever is asked.
"""

import sys
from functools import partial

from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab import debian
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.parts import SWIFTSHADER
from slide_mobile.lab.process import WORKERS, Ran, Worker
from slide_mobile.lab.verdict import Arithmetic
from slide_mobile.recipes import lookup

MIN_FP16_DB = 40.0
MAX_INT8_LOSS_DB = 2.0
_SECONDS = 900.0  # slide_swin_tiny compiles in half a minute and takes seconds an image


def _executions(manifest: Manifest) -> tuple[Execution, ...]:
    if manifest.target != "tflite":
        return ()
    recipe = lookup(manifest.precision)
    return (
        Execution(
            arithmetic="fp32",
            min_sqnr_db=recipe.min_sqnr_db,
            max_loss_db=MAX_INT8_LOSS_DB if recipe.weights == "int8" else None,
            run=partial(_run, "fp32"),
            executor=_executor,
        ),
    )


def _run(arithmetic: Arithmetic, artifact: Artifact, inputs: Inputs) -> Ran:
    """Run the file in a process of its own, which a bad driver may kill."""
    driver = SWIFTSHADER.root / "usr/lib/chromium"
    worker = Worker(
        command=(sys.executable, "-P", str(WORKERS / "litert_gpu.py")),
        options=(arithmetic,),
        environment={
            "LD_LIBRARY_PATH": str(driver),
            "VK_DRIVER_FILES": str(driver / "vk_swiftshader_icd.json"),
        },
        seconds=_SECONDS,
    )
    return worker.run(artifact.model_path, inputs)


def _executor(ran: Ran) -> str:
    version = debian.version(SWIFTSHADER.root, "chromium-common")
    return f"LiteRT {ran.said.release}, GPU accelerator (WebGPU), SwiftShader of Chromium {version}"


GPU = Lab(
    name="gpu",
    proves="LiteRT's GPU accelerator takes the whole file and computes what PyTorch computes",
    leaves_open="the shader compiler and the fp16 of a phone's GPU; nothing about speed",
    parts=(SWIFTSHADER,),
    executions=_executions,
)
