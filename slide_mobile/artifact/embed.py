"""Put artifacts into an app: copied whole, listed in an index, replaced by name.

    <artifacts folder>/index.json    which folders there are, with the sha256 of their manifests
    <artifacts folder>/<artifact>/   the artifact folder, byte for byte

Each folder appears whole or not at all. The index is written last when an artifact comes, and
first when one goes, so that all it lists is there. An app looks at nothing else.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.atomic import alone_in, staging, write_file
from slide_mobile.artifact.documents import Name, Positive, Sha256, Text
from slide_mobile.artifact.folder import Artifact, digest
from slide_mobile.artifact.manifest import MANIFEST, Manifest
from slide_mobile.errors import SlideMobileError, UnknownName, UsageError
from slide_mobile.progress import Progress, silent

INDEX = "index.json"
INDEX_VERSION: Literal[2] = 2  # since 2, the digest is over the bytes of manifest.json
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


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact in the index: the sha256 is over the bytes of its manifest.json."""

    folder: Name
    manifest_sha256: Sha256


class Index(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document index.json, which an app reads at start."""

    schema_version: Literal[2] = INDEX_VERSION
    artifacts: tuple[Entry, ...]


class Embedded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact that the app now has."""

    folder: Name
    state: State
    manifest_sha256: Sha256
    size_bytes: Positive


class Failed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact that was left out, and why."""

    artifact: Text
    error: Text


class EmbedDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `embed --json`."""

    app: Text
    kind: Kind
    folder: Text
    embedded: tuple[Embedded, ...]
    removed: tuple[Text, ...]
    failed: tuple[Failed, ...]
    artifacts: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an `embed` did; `failures` holds the paths that were left out, each with its error."""

    app: App
    embedded: tuple[Embedded, ...]
    removed: tuple[str, ...]
    failures: tuple[tuple[Path, SlideMobileError], ...]
    index: Index

    @property
    def exit_code(self) -> int:
        """0; 2 where all that was refused cannot run in this app; 1 otherwise."""
        if not self.failures:
            return 0
        return 2 if all(isinstance(error, NotForThisApp) for _, error in self.failures) else 1

    def document(self) -> EmbedDocument:
        """The object of `embed --json`."""
        return EmbedDocument(
            app=str(self.app.root),
            kind=self.app.kind,
            folder=str(self.app.folder),
            embedded=self.embedded,
            removed=self.removed,
            failed=tuple(Failed(artifact=str(p), error=str(e)) for p, e in self.failures),
            artifacts=self.index.artifacts,
        )


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
        index=_document(index),
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
        manifest_sha256=artifact.manifest_sha256,
        size_bytes=manifest.size_bytes,
    )


def _files(manifest: Manifest) -> list[str]:
    """The manifest, and all that it lists: anything else in the folder stays there."""
    return [MANIFEST, *manifest.files]


def _same(root: Path, destination: Path, files: Sequence[str]) -> bool:
    """Whether the destination holds these files with these bytes, and no others."""
    if not destination.is_dir() or destination.is_symlink():
        return False
    there = {p.relative_to(destination).as_posix() for p in destination.rglob("*") if p.is_file()}
    return there == set(files) and all(
        digest(destination / file) == digest(root / file) for file in files
    )


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
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
    """Read folder names and the sha256 of their manifests; empty where there is no index.

    An index that is damaged, or of an older version, is made anew from the artifacts that are
    there. Raises UsageError for a newer one.
    """
    path = folder / INDEX
    try:
        data = path.read_bytes()
        version = documents.load(data)["schema_version"]
        if version > INDEX_VERSION:
            raise UsageError(
                f"{path} has schema {version}, known is {INDEX_VERSION}: update slide-mobile"
            )
        found = documents.decode(data, Index)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return dict(_present(folder))
    listed = {item.folder: item.manifest_sha256 for item in found.artifacts}
    return listed if all(map(_is_plain, listed)) else dict(_present(folder))


def _present(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            with contextlib.suppress(SlideMobileError):
                yield path.name, Artifact.open(path).manifest_sha256


def _document(index: dict[str, str]) -> Index:
    entries = (Entry(folder=name, manifest_sha256=sha) for name, sha in sorted(index.items()))
    return Index(artifacts=tuple(entries))


def _save(folder: Path, index: dict[str, str]) -> None:
    """Replace the index at once, and only if it says something else."""
    data, path = documents.encode(_document(index)), folder / INDEX
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    write_file(path, data)


def _delete(root: Path) -> None:
    if root.is_dir() and not root.is_symlink():
        shutil.rmtree(root, ignore_errors=True)
    else:
        root.unlink(missing_ok=True)
