"""Four labs of 64-bit Arm cores: the runtimes' kernels under QEMU's emulation of a process.

The kernels that XNNPACK takes depend on the core: smlal on the A53, sdot on the A76, smmla (i8mm)
on the A710, SME on `max`. A .tflite with the fp16 hint computes in fp16 where the core has it, and
a .pte in fp16 always: a core without it refuses the file.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab import debian
from slide_mobile.lab.executorch.part import EXECUTORCH, LIBRARIES
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.parts import ARM64, QEMU
from slide_mobile.lab.process import WORKERS, Ran, Worker, WorkerFailed
from slide_mobile.recipes import lookup

MIN_HOST_DB, MIN_INT8_HOST_DB = 100.0, 30.0
_SECONDS = 1_800.0  # slide_swin_tiny takes half a minute an image
_FP16_HINT = "-fp16"  # ends the name of a backend whose files have it
_WITHOUT_FP16 = {"cortex-a53"}
_DELEGATE = "xnnpack"  # the only one in ExecuTorch's wheel for Linux on Arm


def _executions(cpu: str, manifest: Manifest) -> tuple[Execution, ...]:
    recipe = lookup(manifest.precision)
    is_pte = manifest.target == "executorch"
    half = recipe.weights == "float16" if is_pte else _takes_hint(cpu, manifest)
    host = MIN_INT8_HOST_DB if recipe.weights == "int8" else MIN_HOST_DB
    floor = lookup("fp16").min_sqnr_db if half else recipe.min_sqnr_db
    return (
        Execution(
            arithmetic="fp16" if half else "fp32",
            min_sqnr_db=min(recipe.min_sqnr_db, floor),
            # In fp16 this machine adds up in fp32.
            min_host_db=None if half else host,
            run=partial(_run_executorch if is_pte else _run_litert, cpu),
            executor=partial(_executorch if is_pte else _litert, cpu),
        ),
    )


def _takes_hint(cpu: str, manifest: Manifest) -> bool:
    return manifest.backend.endswith(_FP16_HINT) and cpu not in _WITHOUT_FP16


def _run_litert(cpu: str, artifact: ArtifactFolder, inputs: Inputs) -> Ran:
    return _worker(cpu, "litert.py").run(artifact.model_path, inputs)


def _run_executorch(cpu: str, artifact: ArtifactFolder, inputs: Inputs) -> Ran:
    manifest, root = artifact.manifest, EXECUTORCH.root
    if manifest.backend != _DELEGATE:
        raise WorkerFailed(f"ExecuTorch for Linux has no {manifest.backend} delegate")
    names = tuple(output.name for output in manifest.outputs)
    libraries = (root, root / LIBRARIES)
    worker = _worker(cpu, "executorch_arm64.py", names, packages=(root,), libraries=libraries)
    return worker.run(artifact.model_path, inputs)


def _worker(
    cpu: str,
    script: str,
    options: tuple[str, ...] = (),
    *,
    packages: Iterable[Path] = (),
    libraries: Iterable[Path] = (),
) -> Worker:
    """A worker in the Python for Arm, with folders of packages and of libraries besides its own."""
    root = ARM64.root
    variables = {
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": ":".join(map(str, (root / "site", *packages))),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
    }
    settings = [word for name, x in variables.items() for word in ("-E", f"{name}={x}")]
    return Worker(
        command=(
            *(str(QEMU.root / "usr/bin/qemu-aarch64"), "-cpu", cpu, "-L", str(root), *settings),
            *(str(root / "usr/bin/python3.11"), "-B", str(WORKERS / script)),
        ),
        options=options,
        seconds=_SECONDS,
    )


def _litert(cpu: str, ran: Ran) -> str:
    version = debian.version(QEMU.root, "qemu-user").partition(":")[2]
    return f"LiteRT {ran.said.release} for arm64, XNNPACK, QEMU {version} -cpu {cpu}"


def _executorch(cpu: str, ran: Ran) -> str:
    return f"ExecuTorch {ran.said.release}, XNNPACK, arm64 under QEMU (-cpu {cpu})"


def _lab(name: str, cpu: str, kernels: str) -> Lab:
    return Lab(
        name=name,
        targets=("tflite", "executorch"),
        proves=f"LiteRT's and ExecuTorch's {kernels} kernels for Arm compute what PyTorch computes",
        leaves_open="the phone's own compiler and core; nothing about speed",
        parts=(QEMU, ARM64, EXECUTORCH),
        executions=partial(_executions, cpu),
    )


ARM64_LABS = (
    _lab("arm64-a53", "cortex-a53", "NEON"),
    _lab("arm64-a76", "cortex-a76", "dot-product and fp16"),
    _lab("arm64-a710", "cortex-a710", "int8 matrix (i8mm)"),
    _lab("arm64-sme", "max", "SME"),
)
