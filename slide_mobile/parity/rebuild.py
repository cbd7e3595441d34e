"""Rebuild an artifact's reference: the golden images, and the PyTorch model."""

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.golden import Recorded
from slide_mobile.errors import GateFailed, UsageError
from slide_mobile.isolation.files import StrPath
from slide_mobile.models import checkpoint as checkpoints
from slide_mobile.parity import metrics, own, own_file, reference
from slide_mobile.parity.images import ImageSet
from slide_mobile.parity.reference import Named, Reference
from slide_mobile.parity.source import ModelSource
from slide_mobile.preprocess import Normalization
from slide_mobile.tasks import Outputs

# On another machine, the same weights give outputs that differ only by rounding.
MIN_RECORDED_SQNR_DB = 100


def require_recorded(recorded: Recorded, found: Outputs) -> None:
    """Raise GateFailed unless the recorded golden outputs are what PyTorch computes."""
    seen = recorded.seen_in(found)
    for name, rows in recorded.outputs.items():
        if not metrics.sqnr_db(seen[name], rows) >= MIN_RECORDED_SQNR_DB:
            raise GateFailed(
                f"the golden {name} are not those of the reference model: the manifest was "
                "edited, or it was made with other weights; convert the model again"
            )


def golden_images(art: ArtifactFolder) -> tuple[ImageSet, Recorded]:
    """Read the golden images, and the outputs of PyTorch that were recorded for them."""
    found = ImageSet(pixels=golden.images(art), labels=None, source="golden images")
    return found, golden.read(art)


def rebuild(
    art: ArtifactFolder, checkpoint: StrPath | None, module: str | None = None
) -> Reference | None:
    """Build the reference model, or return None if its weights are not at hand.

    `module` is the FILE.py:FUNCTION of a network of the user. Raises UsageError for a checkpoint
    or a network that the artifact does not need or that is not its own.
    """
    if art.manifest.own is not None:
        return _own(art, checkpoint, module)
    if module is not None:
        raise UsageError(f"{art.root} is not of a network of yours: leave out --module")
    facts, taken = art.manifest.model, art.manifest.input
    untrained = not facts.trained
    bundled = facts.checkpoint_sha256 == reference.bundled_sha256()
    if (untrained or bundled) and checkpoint is not None:
        raise UsageError(f"{art.root} needs no checkpoint: leave out --checkpoint")
    if not (untrained or bundled or checkpoint):
        return None
    source = ModelSource(
        name=facts.name,
        checkpoint=checkpoint,
        untrained=untrained,
        num_classes=facts.num_classes,
        input_size=art.input_size,
        normalization=Normalization(mean=taken.mean, std=taken.std),
        weights=facts.weights,
        stripes=facts.stripes,
    )
    if checkpoint is None:
        return reference.load(source, art.manifest.task)
    read = checkpoints.read(checkpoint, weights=facts.weights)
    # What was converted from memory can be checked with any file of the same tensors.
    digests = (read.sha256, checkpoints.tensors_sha256(read.tensors))
    if facts.checkpoint_sha256 not in digests:
        raise UsageError(
            f"{checkpoint} is not this artifact's checkpoint: its sha256 is {read.sha256[:12]}..., "
            f"the manifest has {str(facts.checkpoint_sha256)[:12]}...; give the file that was "
            "converted"
        )
    return reference.load(Named(source, read), art.manifest.task)


def _own(art: ArtifactFolder, checkpoint: StrPath | None, module: str | None) -> Reference | None:
    """Run the file that makes the network again, if it is given; raises UsageError."""
    facts, taken = art.manifest.model, art.manifest.input
    if checkpoint is not None:
        raise UsageError(f"{art.root} is of a network of yours: give --module FILE.py:FUNCTION")
    if module is None:
        return None
    found = own_file.load(
        module,
        input_size=art.input_size,
        normalization=Normalization(mean=taken.mean, std=taken.std),
    )
    ref = own.load(found)
    if ref.checkpoint_sha256 != facts.checkpoint_sha256:
        raise UsageError(
            f"the network of {module} is not this artifact's: its weights differ; give the one "
            "that was converted"
        )
    return ref
