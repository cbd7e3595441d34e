"""Make the manifest of a folder that was edited fit its files again."""

import contextlib
import json
from pathlib import Path

from slide_mobile.artifact.folder import digest, size_bytes


def resealed(folder: Path) -> None:
    """Write the digests and the size that the files have now."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for name in manifest["files"]:
        with contextlib.suppress(OSError):
            manifest["files"][name] = digest(folder / name)
    manifest["size_bytes"] = max(1, size_bytes(folder / manifest["file"]))
    path.write_text(json.dumps(manifest))
