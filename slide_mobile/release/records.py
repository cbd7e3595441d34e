"""What is known about each cell of a release, kept in a file so that a later run goes on."""

import contextlib
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from slide_mobile.artifact import documents
from slide_mobile.artifact.atomic import write_file
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import SlideMobileError
from slide_mobile.isolation import files
from slide_mobile.release.commands import STEPS, Step, artifact
from slide_mobile.release.plan import Cell

CELLS = "cells"


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known about a cell: the steps that are `done`, and the error of the one that failed.

    `manifest_sha256` identifies the artifact; `peak_rss_bytes` is the memory of its conversion.
    """

    name: str
    fingerprint: str
    done: tuple[Step, ...] = ()
    manifest_sha256: str | None = None
    seconds: float = 0.0
    peak_rss_bytes: int | None = None
    error: str | None = None
    exit_code: int = 0

    @property
    def passed(self) -> bool:
        """Whether every step succeeded."""
        return self.error is None and self.done == STEPS


def known(out: Path, cell: Cell, *, force: bool) -> Record:
    """The record that an earlier release left, as far as it still holds."""
    fresh = Record(name=cell.name, fingerprint=cell.fingerprint)
    try:
        found = documents.decode(
            files.read(out / CELLS / f"{cell.name}.json", most=documents.MOST_BYTES), Record
        )
    except (OSError, DocumentError):
        return fresh
    fresh = replace(fresh, peak_rss_bytes=found.peak_rss_bytes)
    if force or found.fingerprint != cell.fingerprint or not found.done:
        return fresh
    with contextlib.suppress(SlideMobileError):
        kept = ArtifactFolder.open(artifact(out, cell.name))
        kept.verify()
        if kept.manifest_sha256 == found.manifest_sha256:
            return replace(found, error=None, exit_code=0)  # a failed step is tried again
    return fresh


def save(out: Path, record: Record) -> None:
    """Write a cell's record."""
    write_file(out / CELLS / f"{record.name}.json", documents.encode(record))
