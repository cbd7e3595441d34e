"""What this machine can convert to and check with, and the one command for what it lacks."""

import importlib.metadata
import platform
from collections.abc import Iterable

from msgspec import Struct
from packaging.requirements import Requirement

from slide_mobile._version import __version__
from slide_mobile.doctor import conflicts, known_bad, resources
from slide_mobile.doctor.conflicts import Conflict
from slide_mobile.doctor.known_bad import KnownBad
from slide_mobile.doctor.resources import Resource
from slide_mobile.errors import NotInstalled
from slide_mobile.lab import catalogue
from slide_mobile.lab.verdict import LabState
from slide_mobile.targets import cached_folders, environments, registry

DISTRIBUTION = "slide-mobile"
ON_MACOS = platform.system() == "Darwin"
# What each toolchain is good for on this machine.
POSSIBLE = {
    "tflite": "converts, and runs files with LiteRT (check, bench)",
    "executorch": "converts, and runs files with ExecuTorch (check, bench)"
    + ("" if ON_MACOS else "; files for its Core ML delegate are evaluated, not run"),
    "coreml": "converts, and runs packages with Core ML (check, bench)"
    if ON_MACOS
    else "converts, and checks packages with an evaluator; only a Mac can run or time them",
    "coreai": "converts, and runs assets with Apple's CPU runtime (check), which is no measure of "
    "a device",
    "onnx": "converts, and runs files with ONNX Runtime (check, bench)",
}


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution that a target needs; `installed` is its version, or None if it is absent."""

    name: str
    wanted: str  # a version specifier, such as ">=1.20"
    installed: str | None
    fits: bool


class Toolchain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one target needs, the command that installs it, and what it makes possible here."""

    target: str
    packages: tuple[Package, ...]
    command: str
    possible: str
    ready: bool  # every package is installed in a version that was tried


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A toolchain with an environment of its own, and the command that makes it."""

    name: str
    ready: bool
    purpose: str
    command: str
    size_bytes: int


class Diagnosis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that `doctor` found; `doctor --json` prints it."""

    slide_mobile: str
    python: str
    platform: str
    toolchains: tuple[Toolchain, ...]
    environments: tuple[Environment, ...]
    labs: tuple[LabState, ...]
    conflicts: tuple[Conflict, ...]
    known_bad: tuple[KnownBad, ...]
    resources: tuple[Resource, ...]


def diagnose() -> Diagnosis:
    """Look at what is installed; imports no toolchain. Raises NotInstalled in a bare checkout."""
    requirements = _requirements()
    toolchains = tuple(_toolchain(target, requirements) for target in registry.names())
    found = tuple(_environment(name) for name in environments.ENVIRONMENTS)
    labs = tuple(catalogue.LABS.values())
    return Diagnosis(
        slide_mobile=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        toolchains=toolchains,
        environments=found,
        labs=tuple(map(catalogue.state, labs)),
        conflicts=conflicts.find(DISTRIBUTION, requirements),
        known_bad=known_bad.concerning(t.target for t in toolchains if t.ready),
        resources=resources.survey(
            cache=cached_folders.cache(),
            cache_bytes=sum(e.size_bytes for e in found if not e.ready)
            + sum(part.size_bytes for part in catalogue.missing_parts(labs)),
        ),
    )


def versions(target: str) -> dict[str, str | None]:
    """Installed versions of all that slide-mobile and one target require; raises NotInstalled."""
    return {
        requirement.name: _package(requirement).installed
        for requirement in _requirements()
        if requirement.marker is None or requirement.marker.evaluate({"extra": target})
    }


def _requirements() -> list[Requirement]:
    """All requirements of this package; raises NotInstalled."""
    try:
        return [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalled from error


def _environment(name: str) -> Environment:
    """One environment by name."""
    known = environments.ENVIRONMENTS[name]
    return Environment(
        name=name,
        ready=environments.exists(name),
        purpose=known.purpose,
        command=environments.command(name),
        size_bytes=known.size_bytes,
    )


def _toolchain(target: str, requirements: Iterable[Requirement]) -> Toolchain:
    """The toolchain of one target."""
    packages = tuple(
        _package(requirement)
        for requirement in requirements
        if requirement.marker is not None and requirement.marker.evaluate({"extra": target})
    )
    return Toolchain(
        target=target,
        packages=packages,
        command=f"pip install '{DISTRIBUTION}[{target}]'",
        possible=POSSIBLE.get(target, "converts, and checks"),
        ready=all(package.fits for package in packages),
    )


def _package(requirement: Requirement) -> Package:
    """A requirement, and what is installed of it."""
    try:
        installed = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        installed = None
    return Package(
        name=requirement.name,
        wanted=str(requirement.specifier),
        installed=installed,
        fits=installed is not None and requirement.specifier.contains(installed),
    )
