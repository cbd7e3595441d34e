"""Results of one bench document beside each other: the ratio of each pair, and its verdict."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from slide_mobile.artifact.documents import Count
from slide_mobile.bench import ratio
from slide_mobile.bench.ratio import Estimate, Interval, Ratio
from slide_mobile.bench.result import Reason

Ratios = tuple[tuple[Ratio | None, ...], ...]
Intervals = tuple[tuple[Interval | None, ...], ...]
Table = Sequence[Sequence[Ratio | None]] | Sequence[Sequence[Interval | None]]

MOST_ROUNDING = 0.01  # of a ratio, relative


class Comparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The latency of one result over that of another; both took turns in the same processes."""

    of: Annotated[Count, Meta(description="Place in `results`.")]
    over: Annotated[Count, Meta(description="Place in `results`.")]
    clock: Annotated[Estimate, Meta(description="By the time that passed.")]
    cpu: Annotated[
        Estimate | None,
        Meta(
            description="By the time that a processor worked; null for several threads, for Core "
            "ML, and where the system's clock is too coarse."
        ),
    ]
    valid: bool
    why_invalid: tuple[Reason, ...]

    @classmethod
    def judged(cls, of: int, over: int, clock: Estimate, cpu: Estimate | None) -> "Comparison":
        """The comparison with its verdict."""
        reasons = tuple(ratio.why_invalid(clock, cpu))
        return cls(of=of, over=over, clock=clock, cpu=cpu, valid=not reasons, why_invalid=reasons)

    def __post_init__(self) -> None:
        """Raise ValueError where the verdict does not follow from the estimates."""
        pair = f"{self.of} over {self.over}"
        if self.valid and (
            reasons := [*self.why_invalid, *ratio.why_invalid(self.clock, self.cpu)]
        ):
            raise ValueError(f"{pair}: it is marked valid, but: {reasons[0]}")
        if not self.valid and not self.why_invalid:
            raise ValueError(f"{pair}: it is marked invalid without a reason")


# The same rules, for readers that have nothing but the published schema.
VERDICT = {
    "if": {"properties": {"valid": {"const": True}}},
    "then": {"properties": {"why_invalid": {"maxItems": 0}}},
    "else": {"properties": {"why_invalid": {"minItems": 1}}},
}


def tables(timed: Sequence[bool], comparisons: Sequence[Comparison]) -> tuple[Ratios, Intervals]:
    """Square tables of the valid ratios and of all intervals, row over column.

    `timed` says of each result whether it has a latency: then it is once itself.
    """
    ratios: list[list[float | None]] = [[None for _ in timed] for _ in timed]
    intervals: list[list[Interval | None]] = [[None for _ in timed] for _ in timed]
    for place, known in enumerate(timed):
        if known:
            ratios[place][place], intervals[place][place] = 1.0, (1.0, 1.0)
    for pair in comparisons:
        i, j, (low, high) = pair.of, pair.over, pair.clock.interval
        intervals[i][j], intervals[j][i] = (low, high), (1 / high, 1 / low)
        if pair.valid:
            ratios[i][j], ratios[j][i] = pair.clock.ratio, 1 / pair.clock.ratio
    return tuple(map(tuple, ratios)), tuple(map(tuple, intervals))


def follow(found: Table, expected: Table) -> bool:
    """Whether each cell that is given is the expected one, rounding aside."""
    return all(
        cell is None or (known is not None and all(map(_close, _numbers(cell), _numbers(known))))
        for row, known_row in zip(found, expected, strict=True)
        for cell, known in zip(row, known_row, strict=True)
    )


def _numbers(cell: Ratio | Interval) -> tuple[float, ...]:
    """The numbers of a cell."""
    return cell if isinstance(cell, tuple) else (cell,)


def _close(found: float, expected: float) -> bool:
    """Whether a number is the expected one, rounding aside."""
    return abs(found / expected - 1) <= MOST_ROUNDING
