"""Apps that artifacts are embedded in: where each keeps them, and which of them it runs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slide_mobile.artifact.index import is_plain
from slide_mobile.artifact.manifest import MANIFEST, Manifest
from slide_mobile.errors import UsageError

IOS_FOLDER = "Artifacts"
ANDROID_FOLDER = "app/src/main/assets/artifacts"
ANDROID_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.+-]*")

Kind = Literal["ios", "android", "folder"]


@dataclass(frozen=True, kw_only=True)
class App:
    """Where an app keeps its artifacts, and which of them it runs; `runtimes` says by what."""

    root: Path
    kind: Kind
    folder: Path
    runs: Callable[[Manifest], bool]
    runtimes: str


def find(root: Path) -> App:
    """The app whose project is in this folder; any other folder holds the artifacts itself."""
    if not root.is_dir():
        raise UsageError(
            f"{root} is not a folder; give an Xcode or Gradle project's, or where the app's "
            "resources are"
        )
    if (root / MANIFEST).exists():
        raise UsageError(f"{root} is an artifact, not an app; --app takes the app's folder")
    ios = any(root.glob("*.xcodeproj"))
    android = any((root / f"settings.gradle{suffix}").exists() for suffix in ("", ".kts"))
    if ios and android:
        raise UsageError(
            f"{root} holds an Xcode and a Gradle project: give the folder of the artifacts in it"
        )
    if ios:
        return App(
            root=root,
            kind="ios",
            folder=root / IOS_FOLDER,
            runs=lambda manifest: manifest.target in {"coreml", "executorch"},
            runtimes="Core ML and ExecuTorch",
        )
    if android:
        return App(
            root=root,
            kind="android",
            folder=root / ANDROID_FOLDER,
            runs=_on_android,
            runtimes="LiteRT, and ExecuTorch with XNNPACK",
        )
    return App(root=root, kind="folder", folder=root, runs=lambda _: True, runtimes="anything")


def folder_name(root: Path) -> str:
    """The name that an artifact has in an app."""
    return root.resolve().name  # "." has none


def require_names(roots: Sequence[Path], kind: Kind) -> None:
    """Raise UsageError unless every artifact can have its folder's name in the app."""
    names = [folder_name(root) for root in roots]
    if bad := [name for name in names if not is_plain(name)]:
        raise UsageError(f"no artifact can be embedded as {bad[0]!r}: rename its folder")
    # As ArtifactIndex.kt reads them; aapt leaves out folders that begin with an underscore.
    if kind == "android" and (bad := [name for name in names if not ANDROID_NAME.fullmatch(name)]):
        raise UsageError(f"Android takes no folder {bad[0]!r}: letters, digits and _.+- only")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two artifacts are named {twice[0]}, and an app keeps one of a name")


def _on_android(manifest: Manifest) -> bool:
    return manifest.target == "tflite" or (manifest.target, manifest.backend) == (
        "executorch",
        "xnnpack",
    )
