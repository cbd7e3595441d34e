"""What a check found, as a value, as a file, and as the error that ends a conversion."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slide_mobile.errors import GateFailed, OutputError
from slide_mobile.parity.layerwise import ModuleParity
from slide_mobile.parity.result import ParityReport


@dataclass(frozen=True, kw_only=True)
class Check:
    """What `check` found: the numbers, and the modules in which the error enters (worst first)."""

    artifact: Path
    parity: ParityReport
    modules: tuple[ModuleParity, ...]
    runtime: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `check --json`."""
        accuracy = self.parity.accuracy
        return {
            "artifact": str(self.artifact),
            **self.parity.to_json(),
            "failures": list(self.parity.failures),
            "accuracy": None if accuracy is None else vars(accuracy),
            "modules": [vars(row) for row in self.modules],
            "runtime": self.runtime,
            "notes": list(self.notes),
        }


class ParityFailed(GateFailed):
    """The written file disagrees with PyTorch; `check` has the numbers, `report` is their file."""

    def __init__(self, check: Check, report: Path) -> None:
        worst = ", ".join(f"{m.module} {m.own_db:.1f} dB" for m in check.modules[:3])
        failures = "; ".join((*check.parity.failures, *check.notes))
        super().__init__(f"parity failed: {failures}; worst modules: {worst}; report: {report}")
        self.check, self.report = check, report


class Rejected(Exception):
    """Carries the numbers of a file that missed its floor out of the staging folder."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


def save(check: Check, path: Path) -> None:
    """Write the report beside where the artifact would be; raises OutputError."""
    text = json.dumps(check.to_json(), indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the parity report {path}: {error.strerror}") from error
