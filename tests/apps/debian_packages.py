"""Programs and libraries from Debian, unpacked into the tests' cache: nothing is installed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import debian
from slide_mobile.lab.debian import Packages
from slide_mobile.targets import cached_folders


class NotToBeHad(Exception):
    """This machine cannot get the packages; the text says why."""


def unpack(cache: Path, suite: str, names: Sequence[str]) -> Path:
    """Unpack packages, without their dependencies, into a folder; raises NotToBeHad."""
    listed = hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()[:8]
    root = cache / f"debian-{suite}-{listed}"
    packages = Packages(suite=suite, architecture="amd64", names=tuple(names))
    try:
        cached_folders.build(root, lambda folder: debian.unpack(folder, packages))
    except EnvironmentMissing as error:
        raise NotToBeHad(str(error)) from error
    return root
