"""A release as data: the object of `release --json`."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

State = Literal["passed", "kept", "failed"]


class CellResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cell; `artifact` is None where the conversion failed, `kept` means it was done before."""

    name: str
    state: State
    artifact: str | None
    seconds: float
    peak_rss_bytes: int | None
    error: str | None


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the release failed; `artifact` is None where the reason concerns no single one."""

    artifact: str | None
    error: str

    @property
    def message(self) -> str:
        """The error with the artifact's name in front."""
        return self.error if self.artifact is None else f"{Path(self.artifact).name}: {self.error}"


class Release(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a release made, and everything that failed in it."""

    out: str
    passed: bool
    cells: tuple[CellResult, ...]
    bench: str | None
    reports: tuple[str, ...]
    failed: tuple[Failure, ...]
