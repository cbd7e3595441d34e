"""Embed artifacts in an app: copy the folders, and list them in an index.

    <artifacts folder>/index.json    the names of the folders, with the sha256 of each manifest
    <artifacts folder>/<artifact>/   an exact copy of the artifact folder
    <artifacts folder>/trusted.pem   public keys that the app trusts, where signatures are required

An app reads only the index and the folders that it lists. Each folder appears complete or not at
all. The index is updated after a folder is added and before one is removed, so every folder that it
lists exists.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact import index
from slide_mobile.artifact.apps import App, Kind, find, folder_name, require_names
from slide_mobile.artifact.atomic import alone_in, copy_file, remove_tree, staging, sweep
from slide_mobile.artifact.documents import Name, Positive, Sha256, Text
from slide_mobile.artifact.folder import BOM, LAB, SIGNATURE, ArtifactFolder, digest
from slide_mobile.artifact.index import Entry, Index
from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.errors import SlideMobileError, UnknownName, UsageError
from slide_mobile.isolation import files
from slide_mobile.isolation.files import StrPath
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible

State = Literal["added", "replaced", "unchanged"]


class NotForThisApp(UsageError):
    """The artifact is valid, but the app has no runtime for it."""


class Embedded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact that was embedded, or was already there."""

    folder: Name
    state: State
    manifest_sha256: Sha256
    size_bytes: Positive


class Failed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact that was left out, and why."""

    artifact: Text
    error: Text


class EmbedDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON object of `embed --json`."""

    app: Text
    kind: Kind
    folder: Text
    embedded: tuple[Embedded, ...]
    removed: tuple[Text, ...]
    failed: tuple[Failed, ...]
    artifacts: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of `embed`; `failures` has the artifacts that were left out and their errors."""

    app: App
    embedded: tuple[Embedded, ...]
    removed: tuple[str, ...]
    failures: tuple[tuple[Path, SlideMobileError], ...]
    index: Index

    @property
    def exit_code(self) -> int:
        """0 without failures, 2 if no failed artifact can run in this app, else 1."""
        if not self.failures:
            return 0
        return 2 if all(isinstance(error, NotForThisApp) for _, error in self.failures) else 1

    def document(self) -> EmbedDocument:
        """Return the JSON object of `embed --json`."""
        return EmbedDocument(
            app=str(self.app.root),
            kind=self.app.kind,
            folder=str(self.app.folder),
            embedded=self.embedded,
            removed=self.removed,
            failed=tuple(Failed(artifact=str(p), error=str(e)) for p, e in self.failures),
            artifacts=self.index.artifacts,
        )


@visible
def embed(
    artifacts: StrPath | Sequence[StrPath],
    into: StrPath,
    *,
    remove: Collection[str] = (),
    trusted: StrPath | Sequence[StrPath] = (),
    progress: Progress = automatic,
) -> Outcome:
    """Copy artifacts into the app at `into`, and remove the artifacts named in `remove` from it.

    The public keys (PEM) in `trusted` become those that the app trusts; without any, the app keeps
    those that it has. Whether they vouch for the artifacts is not checked here (signing/).

    Every artifact is verified before the copy, and its copy is verified after. If several artifacts
    are given, one that fails is left out and listed in `Outcome.failures`; if only one is given,
    its error is raised. An identical artifact that the app already has is not copied again. Raises
    UsageError, GateFailed (integrity), UnknownName, OutputError.
    """
    app, remove, roots = find(Path(into)), sorted(set(remove)), files.paths(artifacts)
    require_names(roots, app.kind)
    with alone_in(app.folder):
        index.trust(app.folder, files.paths(trusted))
        listed = _left(app, remove, roots)
        embedded, failures = [], []
        for root in roots:
            progress(f"embed {folder_name(root)}")
            try:
                done = _embed(root, app, listed=folder_name(root) in listed)
            except SlideMobileError as error:
                if len(roots) == 1:
                    raise
                failures.append((root, error))
            else:
                embedded.append(done)
                listed[done.folder] = done.manifest_sha256
                index.save(app.folder, listed)
        index.save(app.folder, listed)
    return Outcome(
        app=app,
        embedded=tuple(embedded),
        removed=tuple(remove),
        failures=tuple(failures),
        index=index.document(listed),
    )


def _left(app: App, remove: Sequence[str], roots: Sequence[Path]) -> dict[str, str]:
    """Remove artifacts from the app, and list those that are left; raises UsageError."""
    listed = index.read(app.folder)
    _require_removable(remove, roots, listed)
    left = {name: sha for name, sha in listed.items() if (app.folder / name).is_dir()}
    for name in remove:
        left.pop(name, None)
        index.save(app.folder, left)
        remove_tree(app.folder / name)
    return left


def _require_removable(
    remove: Collection[str], roots: Sequence[Path], listed: Mapping[str, str]
) -> None:
    """Raise an error for an artifact that the app does not have, or that is also to be embedded."""
    if unknown := [name for name in remove if name not in listed]:
        raise UnknownName("artifact in the app", unknown[0], sorted(listed))
    if set(remove) & {folder_name(root) for root in roots}:
        raise UsageError("an artifact cannot be embedded and removed in one call")


def _embed(root: Path, app: App, *, listed: bool) -> Embedded:
    """Verify one artifact and copy it into the app, unless an identical copy is there.

    What is there is replaced if it is an artifact, or `listed` in the index.
    """
    artifact = ArtifactFolder.open(root)
    artifact.verify()
    manifest, name = artifact.manifest, folder_name(root)
    destination = app.folder / name
    sweep(destination)
    state: State = "replaced" if os.path.lexists(destination) else "added"
    _require_apart(root, destination)
    if not app.runs(manifest):
        kind = {"ios": "an iOS app", "android": "an Android app"}.get(app.kind, "this app")
        raise NotForThisApp(
            f"{root} is for {manifest.target} on {manifest.backend}, which {kind} cannot run: "
            f"it runs {app.runtimes}"
        )
    names = _files(artifact)
    if (release := app.too_old_for(manifest)) is not None:
        raise NotForThisApp(
            f"{root} needs {manifest.target} {manifest.graph.min_runtime} or newer, and the app "
            f"has {release}: update it, or convert with an older one"
        )
    if state == "replaced" and _same(root, destination, names):
        state = "unchanged"
    else:
        with staging(destination, force=True, listed=listed) as partial:
            for file in names:
                copy_file(root / file, partial / file)
            ArtifactFolder.open(partial).verify()  # reads the copy back from disk
    return Embedded(
        folder=name,
        state=state,
        manifest_sha256=artifact.manifest_sha256,
        size_bytes=manifest.size_bytes,
    )


def _require_apart(root: Path, destination: Path) -> None:
    """Raise UsageError where the artifact lies inside the folder to be replaced, or around it."""
    # Not Path.resolve, which raises an error for a loop of links.
    source, target = (Path(os.path.realpath(path)) for path in (root, destination))
    if source != target and (source.is_relative_to(target) or target.is_relative_to(source)):
        raise UsageError(f"{root} and {destination} lie inside each other; move the artifact away")


def _files(artifact: ArtifactFolder) -> list[str]:
    """List the manifest, the files that it lists, and what was signed with them.

    Other files of the folder are not copied.
    """
    signed = [name for name in (BOM, LAB, SIGNATURE) if (artifact.root / name).is_file()]
    return [MANIFEST, *artifact.manifest.files, *(signed if SIGNATURE in signed else ())]


def _same(root: Path, destination: Path, files: Sequence[str]) -> bool:
    """Whether the destination has exactly these files, with the same bytes, or is the source."""
    if not destination.is_dir() or destination.is_symlink():
        return False
    if destination.samefile(root):
        return True
    there = {p.relative_to(destination).as_posix() for p in destination.rglob("*") if p.is_file()}
    try:
        return there == set(files) and all(
            digest(destination / file) == digest(root / file) for file in files
        )
    except OSError:  # what is there cannot be read
        return False
