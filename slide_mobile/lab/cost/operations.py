"""What each operation of an inference executed: the plugin's segments, by the profiler's events."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add

from slide_mobile.lab.cost.aligning import aligned
from slide_mobile.lab.cost.counting import Segment, Traffic, Window


@dataclass(frozen=True, kw_only=True)
class Event:
    """An operation as LiteRT's profiler reports it."""

    name: str
    microseconds: int


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one operation executed; see Segment."""

    name: str
    instructions: int
    blocks: Counter[bytes]
    windows: tuple[Window, ...]
    traffic: tuple[Traffic, ...]


def operations(events: Sequence[Event], segments: Sequence[Segment]) -> list[Operation]:
    """The operations in execution order; what ran between them is left out.

    Raises ValueError if there are fewer segments than events.
    """
    times = [after.start - before.start for before, after in pairwise(segments)]
    found = aligned([event.microseconds for event in events], times)
    return [
        _operation(event.name, [segments[index] for index in indices])
        for event, indices in zip(events, found, strict=True)
    ]


def _operation(name: str, segments: Sequence[Segment]) -> Operation:
    levels = zip(*(segment.traffic for segment in segments), strict=True)
    return Operation(
        name=name,
        instructions=sum(segment.instructions for segment in segments),
        blocks=reduce(add, (segment.blocks for segment in segments)),
        windows=tuple(window for segment in segments for window in segment.windows),
        traffic=tuple(reduce(add, level) for level in levels),
    )
