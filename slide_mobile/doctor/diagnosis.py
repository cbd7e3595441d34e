"""What this machine can convert to and check with, and the one command for what it lacks."""

import importlib.metadata
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from packaging.requirements import Requirement

from slide_mobile._version import __version__
from slide_mobile.doctor import compatibility, resources
from slide_mobile.doctor.compatibility import Conflict, KnownBad
from slide_mobile.doctor.resources import Resource
from slide_mobile.errors import NotInstalled
from slide_mobile.targets import environments, registry

DISTRIBUTION = "slide-mobile"
ON_MACOS = platform.system() == "Darwin"
# What a toolchain is good for on this machine, where it is more or less than converting and
# checking with the target's own runtime.
POSSIBLE = {
    "tflite": "converts, and runs files with LiteRT: check, bench",
    "executorch": "converts, and runs files with ExecuTorch: check, bench"
    + ("" if ON_MACOS else "; Core ML's delegate is evaluated, not run"),
    "coreml": "converts, and runs packages with Core ML: check, bench"
    if ON_MACOS
    else "converts, and evaluates packages to check them; only a Mac runs them, no bench",
    "onnx": "converts, and runs files with ONNX Runtime: check, bench",
}


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution that a target needs; `installed` is its version, or None."""

    name: str
    wanted: str
    installed: str | None
    fits: bool


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """What one target needs, the command that installs it, and what it is good for here."""

    target: str
    packages: tuple[Package, ...]
    command: str
    possible: str

    @property
    def ready(self) -> bool:
        """Whether every package is there in a version that was tried."""
        return all(package.fits for package in self.packages)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A toolchain in an environment of its own, and the command that makes it."""

    name: str
    ready: bool
    purpose: str
    command: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Everything that was found."""

    toolchains: tuple[Toolchain, ...]
    environments: tuple[Environment, ...]
    conflicts: tuple[Conflict, ...]
    known_bad: tuple[KnownBad, ...]
    resources: tuple[Resource, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `doctor --json`."""
        return {
            "slide_mobile": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "toolchains": [
                {**asdict(toolchain), "ready": toolchain.ready} for toolchain in self.toolchains
            ],
            "environments": [asdict(environment) for environment in self.environments],
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "known_bad": [asdict(row) for row in self.known_bad],
            "resources": [
                {**asdict(resource), "enough": resource.enough} for resource in self.resources
            ],
        }


def diagnose() -> Diagnosis:
    """Look at what is installed; imports no toolchain. Raises NotInstalled in a bare checkout."""
    wanted = _wanted()
    toolchains = tuple(_toolchain(target, wanted) for target in registry.names())
    made = tuple(_environment(name) for name in environments.ENVIRONMENTS)
    return Diagnosis(
        toolchains=toolchains,
        environments=made,
        conflicts=compatibility.conflicts(DISTRIBUTION, wanted),
        known_bad=compatibility.known_bad(t.target for t in toolchains if t.ready),
        resources=resources.survey(
            environments=environments.cache(),
            environment_bytes=sum(e.size_bytes for e in made if not e.ready),
        ),
    )


def versions(target: str) -> dict[str, str | None]:
    """Of all that slide-mobile and one target require; raises NotInstalled."""
    return {
        requirement.name: _package(requirement).installed
        for requirement in _wanted()
        if requirement.marker is None or requirement.marker.evaluate({"extra": target})
    }


def _wanted() -> list[Requirement]:
    try:
        return [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalled from error


def _environment(name: str) -> Environment:
    found = environments.ENVIRONMENTS[name]
    return Environment(
        name=name,
        ready=environments.exists(name),
        purpose=found.purpose,
        command=environments.command(name),
        size_bytes=found.size_bytes,
    )


def _toolchain(target: str, wanted: Iterable[Requirement]) -> Toolchain:
    return Toolchain(
        target=target,
        packages=tuple(
            _package(requirement)
            for requirement in wanted
            if requirement.marker is not None and requirement.marker.evaluate({"extra": target})
        ),
        command=f"pip install '{DISTRIBUTION}[{target}]'",
        possible=POSSIBLE.get(target, "converts, and checks"),
    )


def _package(requirement: Requirement) -> Package:
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
