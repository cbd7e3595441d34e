"""The report as data: one row per artifact, and the object of `report --json`."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from slide_mobile.lab.verdict import Verdict as LabVerdict

Format = Literal["html", "markdown", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
# The first ending of a format is the one that `release` gives its file.
ENDINGS: Mapping[str, Format] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "csv",
}
Verdict = Literal["passed", "failed", "not run"]


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact; the fields are the columns of the CSV.

    `sqnr_db` was measured at conversion, `sqnr_here_db` on the golden images for this report.
    `failures` are the floors that were missed here and in labs; `labs` is what lab.json says about
    this artifact. Latencies are those of `device`.
    """

    artifact: str
    folder: str
    model: str
    task: str
    target: str
    precision: str
    backend: str
    verdict: Verdict
    failures: tuple[str, ...]
    sqnr_db: float
    min_sqnr_db: float
    sqnr_here_db: float | None
    top1_agreement: float | None
    top1: float | None
    reference_top1: float | None
    size_bytes: int
    int8_mac_fraction: float
    partitions: int
    delegated_ops: int
    total_ops: int
    max_rank: int
    labs: tuple[LabVerdict, ...]
    device: str | None
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    latency_valid: bool | None
    runtime: str | None
    manifest_sha256: str


class Problem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder or file that is not in the report, and why, in one line."""

    path: str
    line: str

    @property
    def message(self) -> str:
        """The line, with the path in front unless it names the path."""
        return self.line if self.path in self.line else f"{self.path}: {self.line}"


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that was written, as `report --json` prints it; `report` is the file's path."""

    report: str
    format: Format
    passed: bool  # every artifact could be read and reached its floors, every document was read
    artifacts: tuple[Row, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def ending(format: Format) -> str:
    """How the name of a file of this format ends."""
    return next(end for end, known in ENDINGS.items() if known == format)
