"""Artifacts copied and edited, and what a report gathers about them."""

import shutil
from pathlib import Path

from msgspec.structs import replace

from slide_mobile.artifact import documents
from slide_mobile.artifact import manifest as manifests
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.report import contents as gathering
from slide_mobile.report import measured
from slide_mobile.report.contents import Contents
from slide_mobile.report.measured import Measurements


def copied(art: ArtifactFolder, folder: Path) -> Path:
    shutil.copytree(art.root, folder)
    return folder


def edited(folder: Path, **changes: object) -> None:
    """Change fields of the manifest in a folder."""
    manifest = replace(ArtifactFolder.open(folder).manifest, **changes)
    (folder / manifests.MANIFEST).write_bytes(documents.encode(manifest))


def gathered(
    arts: list[ArtifactFolder], given: list[BenchDocument]
) -> tuple[Contents, tuple[Measurements, ...]]:
    contents = gathering.gather([a.root for a in arts], modules=False)
    documents, problems = measured.read(given, contents.entries)
    assert not problems
    return contents, documents
