"""Packages from npm, unpacked into the cache without running their scripts."""

import re
import shutil
import subprocess
from pathlib import Path

from debian_packages import NotToBeHad
from patience import limit


def npm(cache: Path, package: str) -> Path:
    """Return the folder of a package's files; raises NotToBeHad."""
    folder = cache / re.sub(r"[^\w.]+", "-", package).strip("-")
    if not folder.is_dir():
        if shutil.which("npm") is None:
            raise NotToBeHad(f"{package} needs npm")
        aside = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        done = subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", "--cache", str(cache / "npm"), package],
            cwd=aside, capture_output=True, text=True, timeout=limit(30),
        )  # fmt: skip
        if done.returncode != 0:
            raise NotToBeHad(f"{package} from npm: {done.stderr.strip().splitlines()[-1:]}")
        archive = next(aside.glob("*.tgz"))
        shutil.unpack_archive(archive, aside, filter="data")
        archive.unlink()
        aside.rename(folder)
    return folder / "package"
