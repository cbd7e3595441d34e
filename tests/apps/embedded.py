"""Artifacts as an app has them: embedded, listed in an index, and edited by tests."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slide_mobile.artifact import documents
from slide_mobile.artifact import index as indexes
from slide_mobile.artifact.embed import embed as embed_all
from slide_mobile.artifact.folder import digest
from slide_mobile.artifact.manifest import MANIFEST


def embed(root: Path, *artifacts: Path) -> None:
    """Embed whole artifacts, as `slide-mobile embed` does."""
    embed_all(artifacts, root)


def write_index(root: Path) -> None:
    """Write an index of all artifact folders, with the digests of their manifests as they are."""
    found = (
        indexes.Entry(
            folder=path.parent.name, manifest_sha256=hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(root.glob(f"*/{MANIFEST}"))
    )
    index = indexes.Index(schema_version=indexes.INDEX_VERSION, artifacts=tuple(found))
    (root / indexes.INDEX).write_bytes(documents.encode(index))


def edit(artifact: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an artifact's manifest, but not the index that lists it."""
    path = artifact / MANIFEST
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))


def relist(artifact: Path, file: str) -> None:
    """Write the current digest of a file to the manifest, but not to the index."""
    edit(artifact, lambda plain: plain["files"].update({file: digest(artifact / file)}))
