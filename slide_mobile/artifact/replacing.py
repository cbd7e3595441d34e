"""What may be replaced or deleted: an artifact, or an empty folder, and nothing else of a user."""

import os
from pathlib import Path

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.errors import OutputError
from slide_mobile.isolation import files


class _Ours(Struct, frozen=True):
    """What the manifest of an artifact has in every schema version, and other manifests have not.

    Many kinds of projects have a file manifest.json.
    """

    schema_version: int
    model: object
    target: str
    precision: str
    file: str


def is_artifact(root: Path) -> bool:
    """Whether a folder has a manifest of ours, of any version; its files may be damaged."""
    try:
        data = files.read(root / MANIFEST, most=documents.MOST_BYTES)
        documents.decode(data, _Ours)
    except (OSError, DocumentError):
        return False
    return True


def refuse_existing(root: Path, *, force: bool, listed: bool = False) -> None:
    """Raise OutputError if `root` exists and may not be replaced.

    With `force`, an artifact or an empty folder is replaced, and what an index of ours lists. A
    link to one of these is replaced, and what it leads to is left alone.
    """
    if not os.path.lexists(root):
        return
    if not force:
        raise OutputError(f"{root} exists; choose another --out, or replace it with --force")
    if listed or is_artifact(root) or _is_empty_folder(root):
        return
    raise OutputError(f"{root} is not an artifact, so it is not replaced; move it away")


def _is_empty_folder(root: Path) -> bool:
    """Whether this is a folder without files."""
    try:
        return root.is_dir() and not any(root.iterdir())
    except OSError:
        return False
