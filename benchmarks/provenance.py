"""Which table of graph forms a result was measured with: another one is another file to measure.

What is in a result is `sha256()` of then; one that was written without it is of an unknown table.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal

from slide_mobile.deploy.forms import TABLE

FORMS = "forms_sha256"
_DECIDES = ("target", "backend", "precision", "attention", "shape", "form")


def sha256() -> str:
    """Of what slide_mobile/deploy/forms.json decides; its latencies change no file."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["rows"]
    decided = sorted(json.dumps([row[key] for key in _DECIDES], sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(decided).encode()).hexdigest()


def age(document: dict[str, Any]) -> Literal["today's", "an earlier one", "unknown"]:
    """The table that a result is of; one row of an earlier one is enough to be of that."""
    told = set(_told(document))
    if not told:
        return "unknown"
    return "today's" if told == {sha256()} else "an earlier one"


def _told(document: dict[str, Any]) -> Iterator[str]:
    """Results say it of the whole, of their environment, or of each row."""
    for part in (document, document.get("environment", {}), *document.get("rows", ())):
        if FORMS in part:
            yield part[FORMS]
