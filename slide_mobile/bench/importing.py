"""Documents of other devices: files of an app, or a folder as a device farm gives it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.artifact.documents import MOST_BYTES, DocumentError, decode
from slide_mobile.bench import documents, joining
from slide_mobile.bench.documents import BenchDocument
from slide_mobile.errors import SlideMobileError, UsageError
from slide_mobile.isolation import files

Failures = tuple[tuple[Path, SlideMobileError], ...]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What was read of `files`, joined where it is of one measurement, and what was not."""

    files: tuple[Path, ...]
    documents: tuple[BenchDocument, ...]
    failures: Failures


def read(paths: Sequence[Path]) -> Imported:
    """Read files, and the documents in folders; what cannot be read is a failure."""
    found = tuple(file for path in paths for file in _files(path))
    read: list[BenchDocument] = []
    failures: list[tuple[Path, SlideMobileError]] = []
    for path in found:
        try:
            read.append(_document(path))
        except SlideMobileError as error:
            failures.append((path, error))
    return Imported(files=found, documents=joining.joined(read), failures=tuple(failures))


def _document(path: Path) -> BenchDocument:
    if _is_folder(path):
        raise UsageError(f"{path} has no measurement: give a .json file, or a folder that has one")
    return documents.read(path)


def _is_folder(path: Path) -> bool:
    """Whether it is one; what cannot be looked at is none, and fails where it is read."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _files(path: Path) -> tuple[Path, ...]:
    """The .json files in a folder, without reports of the farm's own; else the path itself."""
    found = sorted(path.rglob("*.json")) if _is_folder(path) else []
    return tuple(filter(_may_be_ours, found)) or (path,)


def _may_be_ours(path: Path) -> bool:
    """Whether to report this file: it is ours, or it cannot be read."""
    try:
        data = files.read(path, most=MOST_BYTES)
        decode(data, object)
    except (OSError, DocumentError):
        return True
    return documents.version(data) > 0
