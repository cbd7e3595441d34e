"""A manifest made real again: its golden images, and the model it was proved against."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slide_mobile import images, parity, reference
from slide_mobile.artifact import Artifact
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.images import ImageSet
from slide_mobile.preprocess import Normalization
from slide_mobile.reference import Reference

# The same weights on another machine differ by rounding only.
MIN_RECORDED_SQNR_DB = 100


def require_recorded(recorded: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    """Raise GateFailed unless the manifest's logits are those that PyTorch computes."""
    if not parity.sqnr_db(found, recorded) >= MIN_RECORDED_SQNR_DB:
        raise GateFailed(
            "the golden logits in the manifest are not the reference model's: the manifest was "
            "changed after it was certified; convert the model again"
        )


def golden(art: Artifact) -> tuple[ImageSet, NDArray[np.float32]]:
    """The golden images, and PyTorch's logits for them as recorded."""
    paths = [art.root / golden.file for golden in art.manifest.golden]
    recorded = np.array([golden.logits for golden in art.manifest.golden], np.float32)
    return images.read(paths, art.input_size, source="golden images"), recorded


def rebuild(art: Artifact, checkpoint: Path | None) -> Reference | None:
    """The reference model where its weights are at hand, else None; raises UsageError."""
    facts, taken = art.manifest.model, art.manifest.input
    untrained = not facts["trained"]
    bundled = facts["checkpoint_sha256"] == reference.bundled_sha256()
    if (untrained or bundled) and checkpoint is not None:
        raise UsageError(
            f"{art.root} was not made from a checkpoint of yours; leave --checkpoint out"
        )
    if not (untrained or bundled or checkpoint):
        return None
    ref = reference.load(
        facts["name"],
        normalization=Normalization(mean=tuple(taken["mean"]), std=tuple(taken["std"])),
        checkpoint=checkpoint,
        untrained=untrained,
        num_classes=facts["num_classes"],
        input_size=art.input_size,
    )
    if ref.checkpoint_sha256 != facts["checkpoint_sha256"]:
        raise UsageError(
            f"{checkpoint} is not this artifact's checkpoint: its sha256 is "
            f"{ref.checkpoint_sha256}, the manifest has {facts['checkpoint_sha256']}"
        )
    return ref
