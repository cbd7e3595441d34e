"""Versions of runtimes, and what an app says that it has.

An app's folder may hold `runtimes.json`: for each target that it runs, the release that it links.
The demo apps have one; apps/conformance/releases.json holds their own comparison to this one.
"""

import re
from itertools import zip_longest
from pathlib import Path

from msgspec import Struct

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError, Text
from slide_mobile.errors import UsageError
from slide_mobile.isolation import files

FILE = "runtimes.json"
_MOST_BYTES = 1 << 16
_NUMBERS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,4}")


class Runtimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The releases that an app links, by target; in the numbers that manifests use."""

    tflite: Text | None = None
    executorch: Text | None = None
    coreml: Text | None = None

    def release(self, target: str) -> str | None:
        """The release that runs this target; None if the app does not say."""
        known = {"tflite": self.tflite, "executorch": self.executorch, "coreml": self.coreml}
        return known.get(target)


def read(app: Path) -> Runtimes:
    """Read what the app in this folder says; nothing where it has no such file.

    Raises UsageError if the file is damaged.
    """
    path = app / FILE
    try:
        return documents.decode(files.read(path, most=_MOST_BYTES), Runtimes)
    except FileNotFoundError:
        return Runtimes()
    except (OSError, DocumentError) as error:
        raise UsageError(f"{path} does not say which runtimes the app has: {error}") from error


def covers(runtime: str, oldest: str) -> bool:
    """Whether a runtime is new enough; a version that is none is not."""
    has, needs = _numbers(runtime), _numbers(oldest)
    if has is None or needs is None:
        return False
    for ours, theirs in zip_longest(has, needs, fillvalue=0):
        if ours != theirs:
            return ours > theirs
    return True


def _numbers(version: str) -> list[int] | None:
    """The numbers that a version begins with; what follows them is ignored."""
    found = _NUMBERS.match(version.removeprefix("iOS "))
    return None if found is None else [int(number) for number in found[0].split(".")]
