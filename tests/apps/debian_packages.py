"""Programs and libraries from Debian, unpacked into a folder: nothing is installed.

Each suite gets an apt configuration of its own below the cache, so that packages of any release can
be taken on any Debian, and the machine's own lists stay as they are.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from patience import limit

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class NotToBeHad(Exception):
    """This machine cannot get the packages; the text says why."""


def unpack(cache: Path, suite: str, packages: Sequence[str]) -> Path:
    """Unpack packages, without their dependencies, into a folder; raises NotToBeHad."""
    listed = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:8]
    root = cache / f"debian-{suite}-{listed}"
    if root.is_dir():
        return root
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NotToBeHad(f"Debian's packages need {tool}")
    aside = cache / f"{root.name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    apt = aside.with_suffix(".apt")
    shutil.rmtree(apt, ignore_errors=True)
    apt.mkdir(parents=True)
    try:
        environment = _configure(apt, suite)
        _run(["apt-get", "-q", "update"], environment, apt)
        _run(["apt-get", "-q", "download", *packages], environment, apt)
        for package in sorted(apt.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(aside)], {}, apt)
    finally:
        shutil.rmtree(apt, ignore_errors=True)  # its lists are larger than the packages
    aside.rename(root)
    return root


def _configure(apt: Path, suite: str) -> dict[str, str]:
    """Configure apt to know only this suite, and return the environment that says so."""
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    source = f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n"
    (apt / "sources.list").write_text(source)
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::status": apt / "status",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt,
        "APT::Sandbox::User": "root",
        "APT::Architecture": "amd64",
        "Acquire::Languages": "none",
        # A mirror may be a snapshot, whose lists have expired.
        "Acquire::Check-Valid-Until": "false",
    }
    lines = [f'{name} "{value}";\n' for name, value in settings.items()]
    (apt / "apt.conf").write_text("".join(lines))
    return {"APT_CONFIG": str(apt / "apt.conf")}


def mirror() -> str:
    """Return the address of the mirror that this machine's apt uses."""
    targets = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], {}, Path("/"))
    for address in targets.split():
        if address.rstrip("/").endswith("/debian"):
            return address
    raise NotToBeHad("Debian's packages need an apt with a Debian mirror")


def _run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=limit(90),
        env=os.environ | environment,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NotToBeHad(f"{' '.join(command[:3])}: {last}")
    return done.stdout
