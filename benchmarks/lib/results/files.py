"""Rows about model files, which whole, families, growth and memory share."""

from pathlib import Path
from typing import Literal

from msgspec import UNSET, UnsetType

from benchmarks.lib.results.document import Row
from slide_mobile.artifact.documents import Count, Decibels, Milliseconds, Positive, Side, Text
from slide_mobile.targets import registry
from slide_mobile.targets.tuning import Tune

GraphForm = Literal["published", "deploy", "floor"]


class Candidate(Row, frozen=True, kw_only=True):
    """A model file to build; `size` is (height, width) of its input in pixels.

    `tune` is the core that the forms of a deploy form are chosen for, if not the default.
    """

    model: Text
    form: GraphForm
    target: Text
    precision: Text
    size: tuple[Side, Side]
    tune: Tune | UnsetType = UNSET

    @property
    def name(self) -> str:
        """The name of its file, without suffix."""
        height, width = self.size
        tuned = "" if self.tune is UNSET else f"-{self.tune}"
        return f"{self.model}-{self.form}-{self.target}-{self.precision}-{height}x{width}{tuned}"

    def path(self, folder: Path) -> Path:
        """Where its file is kept in a folder of files."""
        return folder / f"{self.name}{registry.load(self.target).SUFFIX}"


class Refused(Candidate, frozen=True, kw_only=True):
    """A candidate that could not be built or measured; only families.json has a `pair`."""

    error: Text
    pair: Text | UnsetType = UNSET


class ModelFile(Candidate, frozen=True, kw_only=True):
    """A built file and its SQNR against PyTorch; the floor has none, it computes something else."""

    sqnr_db: Decibels | None
    partitions: Count
    delegated_ops: Count
    total_ops: Count
    size_bytes: Positive

    @property
    def outside(self) -> int:
        """How many operations the delegates left outside."""
        return self.total_ops - self.delegated_ops


class Timed(ModelFile, frozen=True, kw_only=True):
    """A file timed on a number of threads; only families.json has a `pair`, OURS:PARENT."""

    threads: Positive
    p50_ms: Milliseconds
    p90_ms: Milliseconds
    valid: bool
    pair: Text | UnsetType = UNSET
