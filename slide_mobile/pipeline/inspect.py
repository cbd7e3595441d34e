"""Read an artifact back from disk."""

from pathlib import Path

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Graph
from slide_mobile.isolation import isolated
from slide_mobile.isolation.files import StrPath
from slide_mobile.targets import registry


@isolated()
def inspect(root: StrPath) -> Graph:
    """Read the graph of an artifact's file; raises ArtifactError, GateFailed (integrity)."""
    art = ArtifactFolder.open(Path(root))
    art.verify()
    return registry.load(art.manifest.target).inspect(art.model_path)
