"""Write an .aimodel whose bytes depend on its contents alone.

An asset is a folder: the program, its sha256, and the metadata. Apple's code puts the time of day
into the metadata, and its keys into a random order.
"""

import json
from pathlib import Path

from coreai.authoring import AIProgram
from coreai.runtime import AIModelAssetMetadata

PROGRAM, HASH, METADATA = FILES = ("main.mlirb", "main.hash", "metadata.json")
CUSTOM = "creatorDefinedMetadata"  # the key in the metadata of what is not Apple's


def write(program: AIProgram, metadata: AIModelAssetMetadata, path: Path) -> None:
    """Write a program as an asset; replaces an existing one."""
    asset = program.save_asset(path, metadata)

    def undated(written: AIModelAssetMetadata) -> None:
        """Forget the time of day."""
        written.creation_date = None

    asset.update_metadata(undated)
    file = path / METADATA
    text = json.dumps(json.loads(file.read_bytes()), indent=2, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8")
