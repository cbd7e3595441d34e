"""Which table of graph forms a result was measured with: another table builds other files.

A result carries `digest()` as it was when the result was measured. Results from before it was
recorded carry none, and their table is unknown.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Literal

from slide_mobile.artifact import documents
from slide_mobile.deploy.forms import TABLE

Age = Literal["current", "earlier", "unknown"]

_DECIDES = ("target", "backend", "precision", "attention", "shape", "form")


def digest() -> str:
    """SHA-256 of what forms.json decides; the latencies in it change no file."""
    rows = documents.load(TABLE.read_bytes())["rows"]
    decided = sorted(json.dumps([row[key] for key in _DECIDES], sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(decided).encode()).hexdigest()


def age(digests: Iterable[str]) -> Age:
    """Age of the table behind a result: "earlier" if any row was measured with an earlier one."""
    found = set(digests)
    if not found:
        return "unknown"
    return "current" if found == {digest()} else "earlier"
