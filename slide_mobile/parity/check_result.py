"""The result of a check: the value, its JSON document, and the error for a failed conversion."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from slide_mobile.artifact.documents import Text
from slide_mobile.artifact.folder import SELF_CONSISTENT, Integrity
from slide_mobile.artifact.manifest import Accuracy, Parity
from slide_mobile.errors import GateFailed
from slide_mobile.parity.result import ModuleParity, ParityReport


class CheckDocument(Parity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON object that `check --json` prints, and that a failed conversion saves."""

    artifact: Text
    failures: tuple[Text, ...]
    accuracy: Accuracy | None
    modules: tuple[ModuleParity, ...]
    integrity: Integrity = SELF_CONSISTENT
    notes: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class GoldenParity:
    """One golden image: SQNR of the file's worst output, and its logits (num_classes,) if any."""

    file: str
    sqnr_db: float
    logits: NDArray[np.float32] | None


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The numbers of a check, and its layer-wise errors, worst module first.

    `images` says where the compared images come from, and `runtime` what executed the file.
    `golden` has one entry per golden image if the golden images were compared, else none.
    """

    artifact: Path
    parity: ParityReport
    modules: tuple[ModuleParity, ...]
    images: str
    runtime: str
    golden: tuple[GoldenParity, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every floor was reached."""
        return self.parity.passed

    def document(self) -> CheckDocument:
        """Return the JSON object of `check --json`."""
        numbers = self.parity.document(images=self.images, runtime=self.runtime)
        return CheckDocument(
            artifact=str(self.artifact),
            **asdict(numbers),
            failures=self.parity.failures,
            accuracy=self.parity.accuracy,
            modules=self.modules,
            notes=self.notes,
        )


class ParityFailed(GateFailed):
    """The written file misses a floor; `result` has the numbers, `report` is the saved report."""

    def __init__(self, result: CheckResult, report: Path) -> None:
        shown = result.modules[: 1 if result.notes else 3]  # notes name modules, too
        worst = ", ".join(f"{m.module} {m.own_db:.1f} dB" for m in shown)
        failures = "; ".join((*result.parity.failures, *result.notes))
        super().__init__(f"parity failed: {failures}; worst modules: {worst}; report: {report}")
        self.result, self.report = result, report
