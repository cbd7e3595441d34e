"""What this machine can convert to and check with, and the one command for what it lacks."""

import importlib.metadata
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from packaging.requirements import Requirement

from slide_mobile import __version__, environments, targets
from slide_mobile.errors import NotInstalled

DISTRIBUTION = "slide-mobile"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution that a target needs; `installed` is its version, or None."""

    name: str
    wanted: str
    installed: str | None
    fits: bool


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """What one target needs, and the command that installs it."""

    target: str
    packages: tuple[Package, ...]
    command: str

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


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Everything that was found."""

    toolchains: tuple[Toolchain, ...]
    environments: tuple[Environment, ...]

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
        }


def diagnose() -> Diagnosis:
    """Look at what is installed; imports no toolchain. Raises NotInstalled in a bare checkout."""
    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalled from error
    return Diagnosis(
        toolchains=tuple(_toolchain(target, wanted) for target in targets.names()),
        environments=tuple(
            Environment(
                name=name,
                ready=environments.exists(name),
                purpose=environments.ENVIRONMENTS[name].purpose,
                command=environments.command(name),
            )
            for name in environments.ENVIRONMENTS
        ),
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
