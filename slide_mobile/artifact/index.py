"""The index of an app's artifacts folder, index.json: folder names, and sha256 of manifests."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slide_mobile.artifact import documents, keys
from slide_mobile.artifact.atomic import write_file
from slide_mobile.artifact.documents import DocumentError, Name, Sha256
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import SlideMobileError, UsageError
from slide_mobile.isolation import files

INDEX = "index.json"
TRUSTED = "trusted.pem"  # public keys that the app trusts, one after the other
INDEX_VERSION: Literal[2] = 2  # version 2: the digest is over the bytes of manifest.json


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact in the index; `manifest_sha256` is over the bytes of its manifest.json."""

    folder: Name
    manifest_sha256: Sha256


class Index(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document index.json, which an app reads when it starts."""

    schema_version: Literal[2]
    artifacts: Annotated[tuple[Entry, ...], Meta(max_length=10_000)]


class _Ours(Struct, frozen=True):
    """What every version of our index has; any other index.json is not ours to replace."""

    schema_version: int
    artifacts: list[object]


def read(folder: Path) -> dict[str, str]:
    """Read the index: folder names and the sha256 of their manifests; empty if there is none.

    An index that is damaged or has an older version is rebuilt from the artifacts in the folder.
    Raises UsageError for a newer version, and for a file that is not an index of ours.
    """
    data = _ours(folder / INDEX)
    if data is None:
        return {}
    try:
        found = documents.decode(data, Index)
    except DocumentError:
        return dict(_present(folder))
    listed = {item.folder: item.manifest_sha256 for item in found.artifacts}
    return listed if all(map(is_plain, listed)) else dict(_present(folder))


def document(index: dict[str, str]) -> Index:
    """Return the index as a document, sorted by folder."""
    entries = (Entry(folder=name, manifest_sha256=sha) for name, sha in sorted(index.items()))
    return Index(schema_version=INDEX_VERSION, artifacts=tuple(entries))


def save(folder: Path, index: dict[str, str]) -> None:
    """Write the index atomically, if it has changed."""
    data, path = documents.encode(document(index)), folder / INDEX
    with contextlib.suppress(OSError):
        if files.read(path, most=documents.MOST_BYTES) == data:
            return
    write_file(path, data)


def trust(folder: Path, public: Sequence[Path]) -> None:
    """Write the public keys (PEM) that the app trusts; without any, those that it has stay.

    Raises UsageError where a key cannot be read, or the file that is there has no keys.
    """
    if not public:
        return
    path = folder / TRUSTED
    found = b"".join(_key(key).strip() + b"\n" for key in public)
    if os.path.lexists(path):
        _key(path)
    write_file(path, found)


def _key(path: Path) -> bytes:
    """Read a file with public keys; raises UsageError."""
    text = keys.read(path)
    if b"-----BEGIN PUBLIC KEY-----" not in text or b"PRIVATE KEY" in text:
        raise UsageError(f"{path} has no public key in PEM; move it away, or give another")
    return text


def _ours(path: Path) -> bytes | None:
    """Read the bytes of an index of ours, None if there is no file; raises UsageError."""
    try:
        data = files.read(path, most=documents.MOST_BYTES)
        version = documents.version(data)
        if version is not None and version > INDEX_VERSION:
            raise UsageError(
                f"{path} has schema {version}, newer than {INDEX_VERSION}: update slide-mobile"
            )
        documents.decode(data, _Ours)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); move it away") from error
    except DocumentError as error:
        raise UsageError(
            f"{path} is not an index of artifacts, so it is not replaced; move it away"
        ) from error
    return data


def is_plain(name: object) -> bool:
    """Whether this is a plain folder name, which cannot lead out of the app's folder."""
    return (
        isinstance(name, str)
        and Path(name).name == name
        and name not in {"", INDEX, TRUSTED}
        and not name.startswith(".")
    )


def _present(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the artifacts in a folder: name, and sha256 of the manifest."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            with contextlib.suppress(SlideMobileError):
                yield path.name, ArtifactFolder.open(path).manifest_sha256
