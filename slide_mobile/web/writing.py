"""Write a site: the page, LiteRT.js, and the artifacts; whole or not at all.

index.html, *.js, style.css   the page, which asks nobody but its own server
site.json                     versions, and the artifacts' folders (site.py)
service-worker.js             keeps the site for use without a network
litert/                       LiteRT.js, as npm has it
artifacts/<artifact>/         a copy of the files that the manifest lists
LICENSE.txt                   of the page and of LiteRT.js
"""

from collections.abc import Sequence
from pathlib import Path

from slide_mobile import __version__
from slide_mobile.artifact import documents
from slide_mobile.artifact.apps import folder_name, require_names
from slide_mobile.artifact.atomic import copy_file, staging
from slide_mobile.artifact.folder import ArtifactFolder, digests
from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.errors import UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath
from slide_mobile.lab import browser, catalogue
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible
from slide_mobile.web.site import ARTIFACTS, LITERT, MOST_ARTIFACTS, SITE, Listed, Site, is_site
from slide_mobile.web.site import digest as digest_of

_PAGE = Path(__file__).parent / "page"
_NOT_PRECACHED = frozenset({"index.html", "service-worker.js"})  # "./" is the former
_SCRIPTS = tuple(
    f"{LITERT}/{package.name.rpartition('/')[2]}/dist/index.js" for package in browser.PACKAGES
)


@visible
def write(
    artifacts: StrPath | Sequence[StrPath],
    out: StrPath,
    *,
    force: bool = False,
    progress: Progress = automatic,
) -> Site:
    """Write a site that runs these artifacts in a browser, to the folder `out`.

    Each artifact has to be for `tflite`; it is verified, and so is its copy. With `force`,
    a site that is there is replaced, and nothing else. Raises UsageError, GateFailed (integrity),
    OutputError, and EnvironmentMissing where LiteRT.js has not been set up.
    """
    root = Path(out)
    opened = _opened(files.paths(artifacts))
    catalogue.require_ready((browser.WEB,))
    with staging(root, force=force, listed=is_site(root)) as partial:
        _place(_PAGE, partial)
        _place(browser.LITERT_JS.root, partial / LITERT)
        for name, artifact in opened.items():
            progress(f"copy {name}")
            _copy(artifact, partial / ARTIFACTS / name)
        site = _described(partial, opened)
        (partial / SITE).write_bytes(documents.encode(site))
    return site


def _place(source: Path, destination: Path) -> None:
    """Copy the files of a folder, as new ones: a browser asks by date whether it has a file.

    npm's are all of 1985, so that it would keep LiteRT.js of an earlier site.
    """
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copy_file(path, destination / path.relative_to(source))


def _opened(roots: Sequence[Path]) -> dict[str, ArtifactFolder]:
    """The artifacts by their folders' names; raises UsageError, GateFailed."""
    if not 1 <= len(roots) <= MOST_ARTIFACTS:
        raise UsageError(f"a site has 1 to {MOST_ARTIFACTS} artifacts, not {len(roots)}")
    require_names(roots, "web")
    found: dict[str, ArtifactFolder] = {}
    for root in roots:
        artifact = ArtifactFolder.open(root)
        _require_runnable(artifact)
        artifact.verify()
        found[folder_name(root)] = artifact
    return found


def _require_runnable(artifact: ArtifactFolder) -> None:
    """Raise UsageError unless the page can run the file and judge its outputs."""
    manifest = artifact.manifest
    if manifest.target != "tflite":
        raise UsageError(
            f"{artifact.root} is for {manifest.target}, and a browser runs .tflite files: "
            "convert it with --to tflite"
        )
    types = {manifest.input.dtype, *(output.dtype for output in manifest.outputs)}
    if "float16" in types:
        raise UsageError(
            f"{artifact.root} has an input or an output in float16, which not all browsers have: "
            "convert it again"
        )


def _copy(artifact: ArtifactFolder, destination: Path) -> None:
    """Copy the manifest and the files that it lists, and read them back."""
    for name in (MANIFEST, *artifact.manifest.files):
        copy_file(artifact.root / name, destination / name)
    ArtifactFolder.open(destination).verify()


def _described(partial: Path, opened: dict[str, ArtifactFolder]) -> Site:
    """What is in the folder, site.json aside."""
    page = {path.name for path in _PAGE.iterdir()} - _NOT_PRECACHED
    manifests = {name: artifact.manifest_sha256 for name, artifact in opened.items()}
    return Site(
        slide_mobile=__version__,
        litert_js=browser.VERSION,
        digest=digest_of(digests(partial) | manifests),
        page=(*sorted(page), *_SCRIPTS),
        artifacts=tuple(Listed(folder=name, manifest_sha256=s) for name, s in manifests.items()),
    )
