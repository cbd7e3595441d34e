"""What labs are there, and what they found: the values of lab.json, and of `lab --json`."""

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from slide_mobile.artifact.documents import (
    Count,
    Decibels,
    Fraction,
    Name,
    NonNegative,
    Sha256,
    Text,
)

Arithmetic = Literal["fp32", "fp16"]  # of the operations that are in float
# "refused": the hardware's runtime takes the file only in part, or not at all.
Outcome = Literal["passed", "failed", "refused"]


class LabState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lab: whether it is set up, the command that does it, what it proves and leaves open."""

    name: Name
    ready: bool
    proves: Text
    leaves_open: Text
    command: Text


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file on one lab in one arithmetic.

    `executor` names what ran the file: runtime, release, kernels, device. Decibels are against
    PyTorch's recorded outputs for the golden images, `host_sqnr_db` against what this machine's own
    runtime computes from the same file. `repeatable` says whether the first image gave the same
    bits again at the end. `why` is the reason of a refusal or a failure.
    """

    lab: Name
    arithmetic: Arithmetic
    outcome: Outcome
    executor: Text = ""
    sqnr_db: Decibels | None = None
    min_sqnr_db: Decibels | None = None
    host_sqnr_db: Decibels | None = None
    min_host_sqnr_db: Decibels | None = None
    max_abs: NonNegative | None = None
    top1_agreement: Fraction | None = None
    images: Count = 0
    repeatable: bool | None = None
    why: Text = ""
    seconds: NonNegative = 0.0

    @property
    def summary(self) -> str:
        """A few words for a table: decibels alone where the file passed."""
        measured = "" if self.sqnr_db is None else f"{self.sqnr_db:.1f} dB"
        if self.outcome == "passed":
            return measured
        return " ".join(filter(None, (self.outcome, measured)))


class LabResults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What labs found about one artifact; lab.json is this, beside the manifest.

    `manifest_sha256` names the artifact: results of an artifact that was converted again since are
    not its results.
    """

    schema_version: Literal[1] = 1
    manifest_sha256: Sha256
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no lab computed something else than PyTorch; a refusal does no silent harm."""
        return all(verdict.outcome != "failed" for verdict in self.verdicts)

    def missed(self, labs: Collection[str]) -> tuple[str, ...]:
        """One line for each run in these labs that the file did not pass."""
        bad = [v for v in self.verdicts if v.lab in labs and v.outcome != "passed"]
        return tuple(f"{v.lab} {v.outcome} in {v.arithmetic}: {v.why}" for v in bad)
