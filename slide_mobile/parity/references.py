"""The reference of any source: a model of the catalogue, or a network of the user."""

from slide_mobile.parity import own, reference
from slide_mobile.parity.own import OwnModel
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import ModelSource
from slide_mobile.tasks import Task


def named(source: ModelSource | OwnModel, task: Task) -> tuple[ModelSource | OwnModel, str]:
    """Return the source with its name, and a note if the weights told it; see `reference.named`."""
    return (source, "") if isinstance(source, OwnModel) else reference.named(source, task)


def load(source: ModelSource | OwnModel, task: Task) -> Reference:
    """Build the reference with its weights; see `reference.load` and `own.load`."""
    return own.load(source) if isinstance(source, OwnModel) else reference.load(source, task)
