"""Artifacts into an app: copied whole, listed in an index, replaced by name.

<artifacts folder>/index.json    {"schema_version", "artifacts": [{"folder", "manifest_sha256"}]}
<artifacts folder>/<artifact>/   the artifact folder, byte for byte

Each folder appears whole or not at all. The index is written last when one comes and first when one
goes, so that whatever it lists is there; what it does not list, an app does not look at.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from slide_mobile.artifact.atomic import alone_in, staging, write_file
from slide_mobile.artifact.folder import LABELS, Artifact, digest
from slide_mobile.artifact.manifest import MANIFEST, Manifest
from slide_mobile.errors import SlideMobileError, UnknownName, UsageError
from slide_mobile.progress import Progress, silent

INDEX = "index.json"
INDEX_VERSION = 1
IOS_FOLDER = "Artifacts"
ANDROID_FOLDER = "app/src/main/assets/artifacts"
ANDROID_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.+-]*")

Kind = Literal["ios", "android", "folder"]
State = Literal["added", "replaced", "unchanged"]


class NotForThisApp(UsageError):
    """The artifact is good, but nothing in the app runs it."""


@dataclass(frozen=True, kw_only=True)
class App:
    """Where an app keeps its artifacts, and which of them it runs; `runtimes` says by what."""

    root: Path
    kind: Kind
    folder: Path
    runs: Callable[[Manifest], bool]
    runtimes: str


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """One artifact that the app now has."""

    folder: str
    state: State
    manifest_sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an `embed` did; `failures` holds the paths that were left out, each with its error."""

    app: App
    embedded: tuple[Embedded, ...]
    removed: tuple[str, ...]
    failures: tuple[tuple[Path, SlideMobileError], ...]
    index: tuple[dict[str, str], ...]

    @property
    def exit_code(self) -> int:
        """0; 2 where all that was refused cannot run in this app; 1 otherwise."""
        if not self.failures:
            return 0
        return 2 if all(isinstance(error, NotForThisApp) for _, error in self.failures) else 1

    def to_json(self) -> dict[str, Any]:
        """What `embed --json` prints."""
        return {
            "app": str(self.app.root),
            "kind": self.app.kind,
            "folder": str(self.app.folder),
            "embedded": [asdict(item) for item in self.embedded],
            "removed": list(self.removed),
            "failed": [{"artifact": str(p), "error": str(error)} for p, error in self.failures],
            "artifacts": list(self.index),
        }


def embed(
    roots: Sequence[Path],
    into: Path,
    *,
    remove: Collection[str] = (),
    progress: Progress = silent,
) -> Outcome:
    """Copy artifacts into the app at `into`, and take those named in `remove` out of it.

    Every artifact is verified first, and its copy again. One that fails is left out and told in
    `Outcome.failures`; the only one that was given raises. An artifact that is there already is
    left alone. Raises UsageError, GateFailed (integrity), UnknownName, OutputError.
    """
    app, remove = find(into), sorted(set(remove))
    _require_names(roots, app.kind)
    with alone_in(app.folder):
        index = _index(app.folder)
        if unknown := [name for name in remove if name not in index]:
            raise UnknownName("artifact in the app", unknown[0], sorted(index))
        if set(remove) & {_name(root) for root in roots}:
            raise UsageError("an artifact cannot be embedded and removed in one call")
        index = {name: sha for name, sha in index.items() if (app.folder / name).is_dir()}
        for name in remove:
            index.pop(name, None)
            _save(app.folder, index)
            _delete(app.folder / name)
        embedded, failures = [], []
        for root in roots:
            progress(f"embed {_name(root)}")
            try:
                done = _embed(root, app)
            except SlideMobileError as error:
                if len(roots) == 1:
                    raise
                failures.append((root, error))
            else:
                embedded.append(done)
                index[done.folder] = done.manifest_sha256
                _save(app.folder, index)
        _save(app.folder, index)
    return Outcome(
        app=app,
        embedded=tuple(embedded),
        removed=tuple(remove),
        failures=tuple(failures),
        index=tuple(_entries(index)),
    )


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


def _on_android(manifest: Manifest) -> bool:
    return manifest.target == "tflite" or (manifest.target, manifest.backend) == (
        "executorch",
        "xnnpack",
    )


def _embed(root: Path, app: App) -> Embedded:
    artifact = Artifact.open(root)
    artifact.verify()
    manifest, name = artifact.manifest, _name(root)
    if not app.runs(manifest):
        kind = {"ios": "an iOS app", "android": "an Android app"}.get(app.kind, "this app")
        raise NotForThisApp(
            f"{root} is for {manifest.target} on {manifest.backend}, which {kind} cannot run: "
            f"it has {app.runtimes}"
        )
    files, destination = _files(manifest), app.folder / name
    state: State = "replaced" if os.path.lexists(destination) else "added"
    if state == "replaced" and _same(root, destination, files):
        state = "unchanged"
    else:
        with staging(destination, force=True) as partial:
            for file in files:
                _copy(root / file, partial / file)
            Artifact.open(partial).verify()  # the disk gave back what was written
    return Embedded(
        folder=name,
        state=state,
        manifest_sha256=manifest.manifest_sha256,
        size_bytes=manifest.size_bytes,
    )


def _files(manifest: Manifest) -> list[str]:
    """All that the manifest speaks of, itself included: what else lies there stays there."""
    golden = [name for item in manifest.golden for name in (item.file, item.maps)]
    labels = None if manifest.labels_sha256 is None else LABELS
    return [name for name in (MANIFEST, manifest.file, labels, *golden) if name is not None]


def _same(root: Path, destination: Path, files: Sequence[str]) -> bool:
    """Whether the destination holds these files with these bytes, and no others."""
    if not destination.is_dir() or destination.is_symlink():
        return False
    kept = {Path(file) for file in files}
    for path in destination.rglob("*"):
        inside = path.relative_to(destination)
        known = any(inside == file or file in inside.parents for file in kept)
        if path.is_file() and not known:
            return False
    return all(
        (destination / file).exists() and digest(destination / file) == digest(root / file)
        for file in files
    )


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, destination)
    else:
        shutil.copyfile(source, destination)


def _name(root: Path) -> str:
    return root.resolve().name  # "." has none


def _require_names(roots: Sequence[Path], kind: Kind) -> None:
    names = [_name(root) for root in roots]
    if bad := [name for name in names if not _is_plain(name)]:
        raise UsageError(f"no artifact can be embedded as {bad[0]!r}: rename its folder")
    # As ArtifactIndex.kt reads them; aapt leaves out folders that begin with an underscore.
    if kind == "android" and (bad := [name for name in names if not ANDROID_NAME.fullmatch(name)]):
        raise UsageError(f"Android takes no folder {bad[0]!r}: letters, digits and _.+- only")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two artifacts are named {twice[0]}, and an app keeps one of a name")


def _is_plain(name: object) -> bool:
    """Whether it is the name of a folder in the app's, and of nothing outside."""
    return (
        isinstance(name, str)
        and Path(name).name == name
        and name not in {"", INDEX}
        and not name.startswith(".")
    )


def _index(folder: Path) -> dict[str, str]:
    """Folder names to the manifests' own sha256; where there is no index, empty.

    A damaged index is made anew of the artifacts that are there. Raises UsageError for a newer one.
    """
    try:
        plain = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if (version := plain["schema_version"]) > INDEX_VERSION:
            raise UsageError(
                f"{folder / INDEX} has schema {version}, known is {INDEX_VERSION}: "
                "update slide-mobile"
            )
        listed = {item["folder"]: item["manifest_sha256"] for item in plain["artifacts"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return dict(_present(folder))
    whole = all(_is_plain(name) and isinstance(sha, str) for name, sha in listed.items())
    return listed if whole else dict(_present(folder))


def _present(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            with contextlib.suppress(SlideMobileError):
                yield path.name, Artifact.open(path).manifest.manifest_sha256


def _entries(index: dict[str, str]) -> list[dict[str, str]]:
    return [{"folder": name, "manifest_sha256": sha} for name, sha in sorted(index.items())]


def _save(folder: Path, index: dict[str, str]) -> None:
    """Replace the index at once, and only if it says something else."""
    document = {"schema_version": INDEX_VERSION, "artifacts": _entries(index)}
    text, path = json.dumps(document, indent=2, ensure_ascii=False) + "\n", folder / INDEX
    with contextlib.suppress(OSError, ValueError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_file(path, text)


def _delete(root: Path) -> None:
    if root.is_dir() and not root.is_symlink():
        shutil.rmtree(root, ignore_errors=True)
    else:
        root.unlink(missing_ok=True)
