"""Combinations that are known to be bad: those installed here, and those of formats and runtimes.

Each one was met in this project, or carries its source.
"""

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Something installed here that does not go together, and the one command that mends it."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class KnownBad:
    """A combination that converts, or seems to, and disappoints; `targets` are those it is of."""

    targets: tuple[str, ...]
    combination: str
    consequence: str
    instead: str


KNOWN_BAD = (
    KnownBad(
        targets=("tflite",),
        combination="--precision fp16 on TFLite 2.19.1",
        consequence="it computes nonsense, without a word (2.14, 2.17, 2.18 and LiteRT 2.2 do not)",
        instead="ship LiteRT with the app, or use int8 or fp32",
    ),
    KnownBad(
        targets=("tflite",),
        combination="--precision int8-dynamic on TFLite 2.14",
        consequence="refused, or wrong: its kernels do not know weights with a scale a channel",
        instead="int8 or int8-weights, or ship LiteRT with the app",
    ),
    KnownBad(
        targets=("tflite",),
        combination="int8-dynamic or int8-weights on the GPU delegate",
        consequence="LiteRT 2.2's GPU accelerator refuses the file",
        instead="fp32 or fp16 for the GPU, int8 for the CPU",
    ),
    KnownBad(
        targets=("tflite",),
        combination="--via onnx with --task features",
        consequence="refused: that road converts classifiers only",
        instead="leave --via out",
    ),
    KnownBad(
        targets=("executorch",),
        combination="--precision fp16 on XNNPACK, for size",
        consequence="convolutions' weights stay fp32 in the file: slide_swin_tiny is no smaller",
        instead="int8 or int8-dynamic, or --backend coreml for an iPhone",
    ),
    KnownBad(
        targets=("executorch",),
        combination="ExecuTorch's Vulkan backend",
        consequence="three delegates with 16 operations outside, and nothing here can run the file",
        instead="--backend xnnpack",
    ),
    KnownBad(
        targets=("coreml",),
        combination="--precision int8 before A17 Pro and M4",
        consequence="slower than fp16: older Neural Engines do not compute in int8 (Apple's "
        "coremltools guide, opt-quantization-perf)",
        instead="fp16 for speed, int8-weights or palette6 for size",
    ),
    KnownBad(
        targets=("onnx",),
        combination="--precision fp16 on ONNX Runtime's CPU provider",
        consequence="computed in fp32 with casts around: smaller, and not faster",
        instead="fp32 or int8 on a CPU",
    ),
)


def known_bad(targets: Iterable[str]) -> tuple[KnownBad, ...]:
    """Those of these targets."""
    wanted = set(targets)
    return tuple(row for row in KNOWN_BAD if wanted & set(row.targets))


def conflicts(distribution: str, wanted: Iterable[Requirement]) -> tuple[Conflict, ...]:
    """What is installed here and does not go together.

    `wanted` is what `distribution` requires. Looks at metadata only; nothing is imported.
    """
    specifiers = {requirement.name: str(requirement.specifier) for requirement in wanted}
    found = [
        *_python(distribution),
        *(c for name in (distribution, *specifiers) for c in _unmet(name)),
        *_guests(),
        *_cuda(specifiers.get("torch", "")),
    ]
    return tuple(dict.fromkeys(found))


def _python(distribution: str) -> Iterator[Conflict]:
    try:
        needed = importlib.metadata.metadata(distribution)["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        return
    version = platform.python_version()
    if needed and version not in Requirement(f"python{needed}").specifier:
        yield Conflict(
            what=f"Python {version}, where {distribution} was tried with {needed}: its toolchains "
            "pin each other",
            command="python3.11 -m venv .venv && .venv/bin/pip install 'slide-mobile[all]'",
        )


def _unmet(name: str) -> Iterator[Conflict]:
    """What an installed distribution requires, and what is here in another version.

    What is absent is no conflict: a toolchain that lacks something is not ready, which the doctor
    says by itself.
    """
    try:
        lines = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        installed = _version(requirement.name)
        if installed is not None and not requirement.specifier.contains(
            installed, prereleases=True
        ):
            yield Conflict(
                what=f"{name} needs {requirement.name}{requirement.specifier}, and "
                f"{installed} is installed",
                command=f"pip install '{requirement.name}{requirement.specifier}'",
            )


def _guests() -> Iterator[Conflict]:
    """onnx2tf pins numpy 1.26, and ExecuTorch wants 2 (environments.py)."""
    if _version("onnx2tf") is not None:
        yield Conflict(
            what="onnx2tf is installed in this environment: its pins exclude numpy 2, which "
            "ExecuTorch needs, so that installing either breaks the other",
            command="pip uninstall -y onnx2tf && "
            "python -m slide_mobile.targets.environments onnx2tf",
        )


def _cuda(specifier: str) -> Iterator[Conflict]:
    """PyPI's torch for Linux requires CUDA's packages, which nothing here uses."""
    if sys.platform != "linux" or _version("torch") is None:
        return
    needed = (Requirement(line).name for line in importlib.metadata.requires("torch") or ())
    cuda = sorted({name for name in needed if name.startswith("nvidia-") and _version(name)})
    if cuda:
        yield Conflict(
            what=f"torch is the CUDA build ({len(cuda)} packages beside it, gigabytes): it works, "
            "and nothing here uses it",
            command=f"pip install --force-reinstall --no-deps 'torch{specifier}' --index-url "
            f"https://download.pytorch.org/whl/cpu && pip uninstall -y {' '.join(cuda)}",
        )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
