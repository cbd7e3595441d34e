"""Debian's packages, unpacked into a folder: nothing is installed, and root is not needed.

Each call gives apt a configuration of its own, so that packages of any release and architecture can
be taken on any Debian or Ubuntu, and the machine's own lists stay as they are.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 600  # for one call of apt or dpkg; the largest package is 90 MB
_MIRROR = "http://deb.debian.org/debian"


@dataclass(frozen=True, kw_only=True)
class Packages:
    """Packages of one suite ("bookworm") and architecture ("arm64"), by name.

    `keep` lists the files to keep, as patterns; None keeps all.
    """

    suite: str
    architecture: str
    names: tuple[str, ...]
    keep: tuple[str, ...] | None = None

    @property
    def pins(self) -> tuple[str, ...]:
        """What the content depends on, apart from updates within the suite."""
        return (f"debian {self.suite} {self.architecture}", *self.names, *(self.keep or ()))


def unpack(root: Path, packages: Packages) -> None:
    """Unpack packages, without their dependencies, below a folder; raises EnvironmentMissing.

    Versions are written to `root`/packages.txt: one line "name version architecture" for each.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise EnvironmentMissing(f"packages of Debian need {tool}, which is not here")
    apt = root / ".apt"
    apt.mkdir(parents=True)
    try:
        environment = _configure(apt, packages)
        _run(["apt-get", "-q", "update"], environment, apt)
        _run(["apt-get", "-q", "download", *packages.names], environment, apt)
        for package in sorted(apt.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(root)], {}, apt)
            line = _run(["dpkg-deb", "-W", "--showformat", _FORMAT, str(package)], {}, apt)
            with (root / "packages.txt").open("a") as file:
                file.write(line)
    finally:
        shutil.rmtree(apt, ignore_errors=True)  # its lists are larger than the packages
    if packages.keep is not None:
        _prune(root, (*packages.keep, "packages.txt"))


def _prune(root: Path, keep: Sequence[str]) -> None:
    """Delete every file below `root` that matches none of the patterns."""
    kept = {path for pattern in keep for path in root.glob(pattern)}
    for path in root.rglob("*"):
        if path not in kept and (path.is_symlink() or not path.is_dir()):
            path.unlink()


_FORMAT = "${Package} ${Version} ${Architecture}\n"


def version(root: Path, package: str) -> str:
    """The version of a package that was unpacked below `root`."""
    lines = (root / "packages.txt").read_text().splitlines()
    return dict(line.split()[:2] for line in lines)[package]


def _configure(apt: Path, packages: Packages) -> dict[str, str]:
    """Configure apt to know only this suite, and return the environment that says so."""
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    source = f"deb [signed-by={KEYRING}] {mirror()} {packages.suite} main\n"
    (apt / "sources.list").write_text(source)
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::status": apt / "status",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt,
        "APT::Sandbox::User": "root",
        "APT::Architecture": packages.architecture,
        "APT::Architectures": packages.architecture,
        "Acquire::Languages": "none",
        # A mirror may be a snapshot, whose lists have expired.
        "Acquire::Check-Valid-Until": "false",
    }
    lines = [f'{name} "{value}";\n' for name, value in settings.items()]
    (apt / "apt.conf").write_text("".join(lines))
    return {"APT_CONFIG": str(apt / "apt.conf")}


def mirror() -> str:
    """The mirror that this machine's apt uses for Debian, else Debian's own."""
    targets = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], {}, Path("/"))
    for address in targets.split():
        if address.rstrip("/").endswith("/debian"):
            return address
    return _MIRROR


def _run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """The output of a command; raises EnvironmentMissing with its last line if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=_SECONDS,
            env=os.environ | environment,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentMissing(
            f"{' '.join(command[:3])} did not end within {_SECONDS} s; try again"
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise EnvironmentMissing(f"{' '.join(command[:3])} failed: {said[-1]}")
    return done.stdout
