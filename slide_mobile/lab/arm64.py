"""Four labs of 64-bit Arm cores: LiteRT's NEON kernels under QEMU's emulation of a process.

The kernels that XNNPACK takes depend on the core: smlal on the A53, sdot on the A76, smmla (i8mm)
on the A710, SME on `max`. A file with the fp16 hint computes in fp16 where the core has it.
"""

from functools import partial

from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import Manifest
from slide_mobile.lab import debian
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.parts import ARM64, QEMU
from slide_mobile.lab.process import WORKERS, Ran, Worker
from slide_mobile.recipes import lookup

MIN_HOST_DB, MIN_INT8_HOST_DB = 100.0, 30.0
_SECONDS = 1_800.0  # slide_swin_tiny takes half a minute an image
_FP16_HINT = "-fp16"  # ends the name of a backend whose files have it
_WITHOUT_FP16 = {"cortex-a53"}


def _executions(cpu: str, manifest: Manifest) -> tuple[Execution, ...]:
    recipe = lookup(manifest.precision)
    half = manifest.backend.endswith(_FP16_HINT) and cpu not in _WITHOUT_FP16
    in_int8 = recipe.weights == "int8"
    floor = lookup("fp16").min_sqnr_db if half else recipe.min_sqnr_db
    host = MIN_INT8_HOST_DB if in_int8 else MIN_HOST_DB
    return (
        Execution(
            arithmetic="fp16" if half else "fp32",
            min_sqnr_db=min(recipe.min_sqnr_db, floor),
            min_host_db=None if half else host,  # this machine computes in fp32
            run=partial(_run, cpu),
            executor=partial(_executor, cpu),
        ),
    )


def _run(cpu: str, artifact: Artifact, inputs: Inputs) -> Ran:
    root = ARM64.root
    variables = {"PYTHONHOME": root / "usr", "PYTHONPATH": root / "site"}
    settings = [word for name, x in variables.items() for word in ("-E", f"{name}={x}")]
    worker = Worker(
        command=(
            *(str(QEMU.root / "usr/bin/qemu-aarch64"), "-cpu", cpu, "-L", str(root), *settings),
            *(str(root / "usr/bin/python3.11"), "-B", str(WORKERS / "litert.py")),
        ),
        seconds=_SECONDS,
    )
    return worker.run(artifact.model_path, inputs)


def _executor(cpu: str, ran: Ran) -> str:
    version = debian.version(QEMU.root, "qemu-user").partition(":")[2]
    return f"LiteRT {ran.said.release} for arm64, XNNPACK, QEMU {version} -cpu {cpu}"


def _lab(name: str, cpu: str, kernels: str) -> Lab:
    return Lab(
        name=name,
        targets=("tflite",),
        proves=f"the {kernels} kernels for Arm compute what PyTorch computes",
        leaves_open="the phone's own compiler and core; nothing about speed",
        parts=(QEMU, ARM64),
        executions=partial(_executions, cpu),
    )


ARM64_LABS = (
    _lab("arm64-a53", "cortex-a53", "NEON"),
    _lab("arm64-a76", "cortex-a76", "dot-product and fp16"),
    _lab("arm64-a710", "cortex-a710", "int8 matrix (i8mm)"),
    _lab("arm64-sme", "max", "SME"),
)
