"""LiteRT.js for `slide-mobile web`: npm's packages, fetched by the user's own npm.

Versions and digests stand here, so that a site is made of the files that were tested. The packages'
own scripts are not run. LiteRT.js is under the Apache License 2.0 (https://github.com/google-ai-edge/LiteRT).
"""

import base64
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab.labs import Lab
from slide_mobile.lab.parts import Part

VERSION = "2.5.3"
_SECONDS = 600  # for npm; the larger package has 15 MB


@dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """One package of npm's registry: `sha512` is over its archive, in base64, as npm writes it.

    `keep` are patterns of the files that a page needs.
    """

    name: str
    version: str
    sha512: str
    keep: tuple[str, ...]

    @property
    def pin(self) -> str:
        """Name, version and digest: what the content depends on."""
        return f"{self.name}@{self.version} sha512-{self.sha512} {' '.join(self.keep)}"


CORE = NpmPackage(
    name="@litertjs/core",
    version=VERSION,
    sha512="PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    keep=("package.json", "dist/index.js", "wasm/*"),
)
WASM_UTILS = NpmPackage(  # imported by the other one
    name="@litertjs/wasm-utils",
    version=VERSION,
    sha512="4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
    keep=("package.json", "dist/index.js"),
)
PACKAGES = (CORE, WASM_UTILS)


def unpack(root: Path, package: NpmPackage) -> None:
    """Fetch a package, check its digest, and unpack it; raises EnvironmentMissing.

    Its files are below `root`/NAME, such as `root`/core for @litertjs/core.
    """
    aside = root / ".npm"
    aside.mkdir(parents=True)
    try:
        archive = _pack(aside, package)
        if _sha512(archive) != package.sha512:
            raise EnvironmentMissing(
                f"npm gave another {package.name} {package.version} than the one that was tested "
                "(its sha512 differs); check npm's registry setting"
            )
        shutil.unpack_archive(archive, aside)  # no other archive has this digest
        _keep(aside / "package", root / package.name.rpartition("/")[2], package.keep)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _pack(aside: Path, package: NpmPackage) -> Path:
    """Have npm fetch the archive into a folder; raises EnvironmentMissing."""
    if shutil.which("npm") is None:
        raise EnvironmentMissing(f"{package.name} comes from npm, which is not here; install npm")
    asked = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--cache", str(aside / "cache")]
    try:
        done = subprocess.run(
            [*command, asked], cwd=aside, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentMissing(f"npm pack did not end within {_SECONDS} s; try again") from error
    archives = sorted(aside.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise EnvironmentMissing(f"npm could not fetch {asked}: {said[-1]}")
    return archives[0]


def _sha512(archive: Path) -> str:
    """The digest of an archive, as npm writes it."""
    with archive.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


def _keep(source: Path, destination: Path, patterns: tuple[str, ...]) -> None:
    """Move the files that match, under the same names, readable for all."""
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            target = destination / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            target.chmod(0o644)


def _make(root: Path) -> None:
    for package in PACKAGES:
        unpack(root, package)


LITERT_JS = Part(
    name="litert-js",
    purpose="LiteRT for browsers, in WebAssembly",
    size_bytes=39_000_000,
    pins=lambda: tuple(package.pin for package in PACKAGES),
    make=_make,
)

# It is set up and listed as labs are. A browser runs the files, and the page judges them.
WEB = Lab(
    name="web",
    targets=(),
    proves="nothing here: `web` writes a page that checks and measures in a browser",
    leaves_open="what a browser finds, until one opens the page",
    parts=(LITERT_JS,),
    executions=lambda manifest: (),
)
