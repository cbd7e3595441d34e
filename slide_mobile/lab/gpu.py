"""The GPU lab: LiteRT's GPU accelerator on Vulkan drivers that compute on the CPU.

ai-edge-litert's Linux wheel has the accelerator (ML Drift, by WebGPU). Chromium carries
SwiftShader, a Vulkan driver without fp16: the accelerator then computes in fp32 whatever is asked.
Mesa's lavapipe has fp16, and compiles slowly; its shaders are kept in the cache folder.
"""

import sys
from dataclasses import replace
from functools import partial

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab import debian
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.parts import LAVAPIPE, SWIFTSHADER
from slide_mobile.lab.process import WORKERS, Ran, Worker
from slide_mobile.lab.verdict import Arithmetic
from slide_mobile.recipes import lookup
from slide_mobile.targets import cached_folders

MIN_FP16_DB = 40.0
MAX_INT8_LOSS_DB = 2.0
_SECONDS = 900.0  # slide_swin_tiny compiles in half a minute and takes seconds an image


def _executions(manifest: Manifest) -> tuple[Execution, ...]:
    recipe = lookup(manifest.precision)
    in_fp32 = Execution(
        arithmetic="fp32",
        min_sqnr_db=recipe.min_sqnr_db,
        max_loss_db=MAX_INT8_LOSS_DB if recipe.weights == "int8" else None,
        run=partial(_run, "fp32"),
        executor=partial(_executor, "fp32"),
    )
    in_fp16 = replace(
        in_fp32,
        arithmetic="fp16",
        min_sqnr_db=min(recipe.min_sqnr_db, MIN_FP16_DB),
        run=partial(_run, "fp16"),
        executor=partial(_executor, "fp16"),
    )
    return in_fp32, in_fp16


def _run(arithmetic: Arithmetic, artifact: ArtifactFolder, inputs: Inputs) -> Ran:
    """Run the file in a process of its own, which a bad driver may kill."""
    worker = Worker(
        command=(sys.executable, "-P", str(WORKERS / "litert_gpu.py")),
        options=(arithmetic,),
        environment=_swiftshader() if arithmetic == "fp32" else _lavapipe(),
        seconds=_SECONDS,
    )
    return worker.run(artifact.model_path, inputs)


def _swiftshader() -> dict[str, str]:
    """The environment in which Vulkan is SwiftShader."""
    folder = SWIFTSHADER.root / "usr/lib/chromium"
    driver = str(folder / "vk_swiftshader_icd.json")
    return {"LD_LIBRARY_PATH": str(folder), "VK_DRIVER_FILES": driver}


def _lavapipe() -> dict[str, str]:
    """The environment in which Vulkan is lavapipe.

    LiteRT gives up waiting for an output after 20 s (litert_tensor_buffer.h), and lavapipe compiles
    for longer than that in the first inference. So libfaketime slows the clock of the process. The
    narrow vectors and the missing optimization make compilation four times faster.
    """
    root = LAVAPIPE.root
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return {
        "LD_LIBRARY_PATH": f"{libraries}:{root / 'lib/x86_64-linux-gnu'}",
        "VK_DRIVER_FILES": str(root / "usr/share/vulkan/icd.d/lvp_icd.json"),
        "LD_PRELOAD": str(libraries / "faketime/libfaketimeMT.so.1"),
        "FAKETIME": "+0 x0.02",
        "FAKETIME_DONT_RESET": "1",
        "LP_NATIVE_VECTOR_WIDTH": "128",
        "GALLIVM_PERF": "nopt",
        "MESA_SHADER_CACHE_DIR": str(cached_folders.cache() / "lab-shaders"),
    }


def _executor(arithmetic: Arithmetic, ran: Ran) -> str:
    if arithmetic == "fp32":
        driver = f"SwiftShader of Chromium {debian.version(SWIFTSHADER.root, 'chromium-common')}"
    else:
        version = debian.version(LAVAPIPE.root, "mesa-vulkan-drivers")
        driver = f"lavapipe of Mesa {version}"
    return f"LiteRT {ran.said.release}, GPU accelerator (WebGPU), {driver}"


GPU = Lab(
    name="gpu",
    targets=("tflite",),
    proves="LiteRT's GPU accelerator takes the whole file and computes what PyTorch computes",
    leaves_open="the shader compiler and the fp16 of a phone's GPU; nothing about speed",
    parts=(SWIFTSHADER, LAVAPIPE),
    executions=_executions,
)
