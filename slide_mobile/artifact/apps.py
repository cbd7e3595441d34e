"""Apps that artifacts are embedded in: their artifacts folder, and the targets that they run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slide_mobile.artifact import releases
from slide_mobile.artifact.index import is_plain
from slide_mobile.artifact.manifest import MANIFEST, Manifest
from slide_mobile.errors import UsageError

IOS_FOLDER = "Artifacts"
ANDROID_FOLDER = "app/src/main/assets/artifacts"
STRICT_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.+-]*")

Kind = Literal["ios", "android", "folder"]
_STRICT = {"android": "an Android app", "web": "a site"}


@dataclass(frozen=True, kw_only=True)
class App:
    """An app's artifacts folder, and a test of what it can run; `runtimes` names its runtimes."""

    root: Path
    kind: Kind
    folder: Path
    runs: Callable[[Manifest], bool]
    runtimes: str

    def too_old_for(self, manifest: Manifest) -> str | None:
        """The release of its runtime, if the file needs a newer one; None if the app can run it.

        Raises UsageError if the app's runtimes.json is damaged.
        """
        oldest = manifest.graph.min_runtime
        release = releases.read(self.root).release(manifest.target)
        if oldest is None or release is None or releases.covers(release, oldest):
            return None
        return release


def find(root: Path) -> App:
    """Find the Xcode or Gradle project in this folder; any other folder is for artifacts itself.

    Raises UsageError.
    """
    if not root.is_dir():
        raise UsageError(
            f"{root} is not a folder; give the folder of an Xcode or Gradle project, or of the "
            "app's resources"
        )
    if (root / MANIFEST).exists():
        raise UsageError(f"{root} is an artifact, not an app; --app takes the app's folder")
    ios = any(root.glob("*.xcodeproj"))
    android = any((root / f"settings.gradle{suffix}").exists() for suffix in ("", ".kts"))
    if ios and android:
        raise UsageError(
            f"{root} has an Xcode and a Gradle project: give the folder in it for artifacts"
        )
    if ios:
        return App(
            root=root,
            kind="ios",
            folder=_inside(root, IOS_FOLDER),
            runs=lambda manifest: manifest.target in {"coreml", "executorch"},
            runtimes="Core ML and ExecuTorch",
        )
    if android:
        return App(
            root=root,
            kind="android",
            folder=_inside(root, ANDROID_FOLDER),
            runs=_on_android,
            runtimes="LiteRT, and ExecuTorch with XNNPACK",
        )
    return App(root=root, kind="folder", folder=root, runs=lambda _: True, runtimes="anything")


def folder_name(root: Path) -> str:
    """Return the name of an artifact's folder, also for the path "."."""
    return root.resolve().name


def require_names(roots: Sequence[Path], kind: Kind | Literal["web"]) -> None:
    """Raise UsageError unless every artifact can have its folder's name in the app or site."""
    names = [folder_name(root) for root in roots]
    # ArtifactIndex.kt has the same rule; aapt skips folders that begin with an underscore.
    place = _STRICT.get(kind)
    if place and (bad := [name for name in names if not STRICT_NAME.fullmatch(name)]):
        raise UsageError(
            f"{place} cannot have a folder {bad[0]!r}: rename it, with letters, digits and _.+- "
            "only"
        )
    if bad := [name for name in names if not is_plain(name)]:
        raise UsageError(f"an artifact cannot be embedded as {bad[0]!r}: rename its folder")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two artifacts are named {twice[0]}: rename the folder of one of them")


def _inside(root: Path, name: str) -> Path:
    """Return the folder of that name in the app; raises UsageError where links lead out of it."""
    folder = root / name
    try:
        outside = not folder.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a loop of links
        outside = True
    if outside:
        raise UsageError(f"{folder} leads out of the app by a link; replace it with a folder")
    return folder


def _on_android(manifest: Manifest) -> bool:
    """Whether the runtimes of the Android app can run this artifact."""
    return manifest.target == "tflite" or (manifest.target, manifest.backend) == (
        "executorch",
        "xnnpack",
    )
