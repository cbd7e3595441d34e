"""site.json: what a site consists of, for its own page and for the next `web --force`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError, FilePath, Name, Sha256
from slide_mobile.isolation import files

SITE = "site.json"
ARTIFACTS = "artifacts"
LITERT = "litert"
MOST_ARTIFACTS = 100


class Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An artifact of the site, in artifacts/FOLDER."""

    folder: Name
    manifest_sha256: Sha256


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The versions that made the site, the files of its page, and its artifacts.

    `digest` is over every file, so that a browser notices another site at the same address.
    """

    schema_version: Literal[1] = 1
    slide_mobile: Name
    litert_js: Name
    digest: Sha256
    page: tuple[FilePath, ...]
    artifacts: Annotated[tuple[Listed, ...], Meta(min_length=1, max_length=MOST_ARTIFACTS)]


def digest(sha256s: Mapping[str, str]) -> str:
    """One sha256 over the names and the digests of files."""
    lines = (f"{sha256}  {name}\n" for name, sha256 in sorted(sha256s.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_site(root: Path) -> bool:
    """Whether a folder is a site that `web` wrote, so that it may be replaced."""
    try:
        documents.decode(files.read(root / SITE, most=documents.MOST_BYTES), Site)
    except (OSError, DocumentError):
        return False
    return True
