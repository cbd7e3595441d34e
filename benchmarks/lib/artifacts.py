"""Artifacts of `convert` that a script keeps in a folder, and uses again."""

from pathlib import Path

import slide_mobile
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.parity.source import DEMO, ModelSource
from slide_mobile.targets.format import Format, folder_name


def converted(model: str, to: Format, out: Path) -> ArtifactFolder:
    """The artifact of a model in `out`, converted if it is not there; all but the demo untrained.

    `to` names a precision.
    """
    root = out / folder_name(model, to.task, to.target, str(to.precision))
    if root.exists():
        artifact = ArtifactFolder.open(root)
        artifact.verify()
        return artifact
    return slide_mobile.convert(ModelSource(model, untrained=model != DEMO), to=to, out=out)
