"""Packages installed here that do not work together."""

import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Iterator

from msgspec import Struct
from packaging.requirements import Requirement

from slide_mobile.targets import environments


class Conflict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Installed packages that do not work together, and the one command that repairs it."""

    what: str
    command: str


def find(distribution: str, wanted: Iterable[Requirement]) -> tuple[Conflict, ...]:
    """Installed packages that do not work together.

    `wanted` is what `distribution` requires. Reads metadata only; nothing is imported.
    """
    specifiers = {requirement.name: str(requirement.specifier) for requirement in wanted}
    found = [
        *_python(distribution),
        *(c for name in (distribution, *specifiers) for c in _unmet(name)),
        *_onnx2tf(),
        *_cuda(specifiers.get("torch", "")),
    ]
    return tuple(dict.fromkeys(found))


def _python(distribution: str) -> Iterator[Conflict]:
    """The Python that runs, if the distribution does not support it."""
    try:
        needed = importlib.metadata.metadata(distribution)["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        return
    version = platform.python_version()
    if needed and version not in Requirement(f"python{needed}").specifier:
        yield Conflict(
            what=f"this is Python {version}, but {distribution} and its toolchains need {needed}",
            command="python3.11 -m venv .venv && .venv/bin/pip install '.[all]'",
        )


def _unmet(name: str) -> Iterator[Conflict]:
    """Requirements of an installed distribution that are here in a version it does not take.

    An absent requirement is no conflict: its toolchain is reported as not ready.
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
                what=f"{name} needs {requirement.name}{requirement.specifier}, but "
                f"{installed} is installed",
                command=f"pip install '{requirement.name}{requirement.specifier}'",
            )


def _onnx2tf() -> Iterator[Conflict]:
    """onnx2tf pins numpy 1.26, and ExecuTorch needs numpy 2 (targets/environments.py)."""
    if _version("onnx2tf") is not None:
        yield Conflict(
            what="onnx2tf is installed in this environment: it does not work with numpy 2, which "
            "ExecuTorch needs, so installing one breaks the other",
            command=f"pip uninstall -y onnx2tf && {environments.command('onnx2tf')}",
        )


def _cuda(specifier: str) -> Iterator[Conflict]:
    """PyPI's torch for Linux brings CUDA's packages, which nothing here uses."""
    if sys.platform != "linux" or _version("torch") is None:
        return
    needed = (Requirement(line).name for line in importlib.metadata.requires("torch") or ())
    cuda = sorted({name for name in needed if name.startswith("nvidia-") and _version(name)})
    if cuda:
        yield Conflict(
            what=f"torch is the CUDA build: it works, but nothing here uses CUDA, and its "
            f"{len(cuda)} NVIDIA packages take gigabytes",
            command=f"pip install --force-reinstall --no-deps 'torch{specifier}' --index-url "
            f"https://download.pytorch.org/whl/cpu && pip uninstall -y {' '.join(cuda)}",
        )


def _version(name: str) -> str | None:
    """The installed version, None if the distribution is absent."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
