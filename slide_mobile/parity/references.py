"""The reference of any source: a model of the catalogue, or a network of the user."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from slide_mobile.parity import own, reference
from slide_mobile.parity.own import OwnModel
from slide_mobile.parity.reference import Reference
from slide_mobile.parity.source import ModelSource
from slide_mobile.tasks import Task


class Identified(NamedTuple):
    """A source with a name, what builds its reference, and a note if the weights told the name."""

    source: ModelSource | OwnModel
    load: Callable[[], Reference]
    note: str = ""


def identified(source: ModelSource | OwnModel, task: Task) -> Identified:
    """Find out which model a source is; see `reference.named`, `reference.load` and `own.load`."""
    if isinstance(source, OwnModel):
        return Identified(source, partial(own.load, source))
    named = reference.named(source, task)
    return Identified(named.source, partial(reference.load, named, task), named.note)
