"""Artifacts as an app has them, and as whoever damages them leaves them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slide_mobile.artifact import documents
from slide_mobile.artifact import embed as embedding
from slide_mobile.artifact.folder import digest
from slide_mobile.artifact.manifest import MANIFEST


def embed(root: Path, *artifacts: Path) -> None:
    """Embed whole artifacts, as `slide-mobile embed` does."""
    embedding.embed(artifacts, root)


def write_index(root: Path) -> None:
    """List the artifact folders that are there with the digests that their manifests have now."""
    found = (
        embedding.Entry(
            folder=path.parent.name, manifest_sha256=hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(root.glob(f"*/{MANIFEST}"))
    )
    index = embedding.Index(artifacts=tuple(found))
    (root / embedding.INDEX).write_bytes(documents.encode(index))


def edit(artifact: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an artifact's manifest; an index that lists it does not know."""
    path = artifact / MANIFEST
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))


def relist(artifact: Path, file: str) -> None:
    """Let the manifest list a file with the bytes that it has now."""
    edit(artifact, lambda plain: plain["files"].update({file: digest(artifact / file)}))
