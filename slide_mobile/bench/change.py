"""One artifact beside an earlier one, or beside its own earlier measurement, and the verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from slide_mobile.artifact.documents import Finite, NonNegative, Text
from slide_mobile.bench import statistics
from slide_mobile.bench.ratio import Ratio
from slide_mobile.bench.statistics import Latency


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact's median beside its baseline; without a percentage, `why` says why not."""

    artifact: Text
    device: Text
    p50_ms: Latency | None
    baseline_ms: Latency | None
    change_percent: Finite | None
    passed: bool
    why: Text | None
    ratio: Annotated[
        Ratio | UnsetType,
        Meta(
            description="Of the two latencies, taken in turn; left out if the baseline is of an "
            "earlier run, where the change is that of the medians."
        ),
    ] = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError where the change does not follow from the ratio, or the medians."""
        if self.change_percent is None:
            return
        slower = self.slower_percent
        if slower is None or abs(slower - self.change_percent) > 0.01:
            whose = "medians do" if self.ratio is UNSET else "ratio does"
            raise ValueError(
                f"{self.artifact}: its {whose} not differ by {self.change_percent:+g} %"
            )

    @property
    def slower_percent(self) -> float | None:
        """The unrounded change; None if the two were not compared."""
        if self.change_percent is None or self.p50_ms is None or self.baseline_ms is None:
            return None
        if self.ratio is not UNSET:
            return statistics.slower_percent(self.ratio, 1.0)
        return statistics.slower_percent(self.p50_ms, self.baseline_ms)


class BaselineComparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every artifact beside its baseline; it passed if each change did."""

    file: Annotated[Text, Meta(description="The earlier document, or the artifact's folder.")]
    fail_over_percent: NonNegative
    passed: bool
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, file: Path, limit: float, changes: Sequence[Change]) -> "BaselineComparison":
        """The verdict on all changes."""
        return cls(
            file=str(file),
            fail_over_percent=limit,
            passed=all(change.passed for change in changes),
            changes=tuple(changes),
        )

    def __post_init__(self) -> None:
        """Raise ValueError where a verdict does not follow from the numbers."""
        for change in self.changes:
            slower = change.slower_percent
            if slower is not None and change.passed != (slower <= self.fail_over_percent):
                raise ValueError(
                    f"{change.artifact}: 'passed' contradicts its change of {slower:+.2f} %"
                )
        if self.passed != all(change.passed for change in self.changes):
            raise ValueError("'passed' contradicts the changes")
