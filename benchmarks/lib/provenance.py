"""Which table of graph forms a result was measured with: another table builds other files.

A result carries `digest()` as it was when the result was measured. Results from before it was
recorded carry none, and their table is unknown.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from slide_mobile.deploy import forms

Age = Literal["current", "earlier", "unknown"]


def digest(table: Path = forms.TABLE) -> str:
    """SHA-256 of what the tables decide; the latencies in them are left out."""
    every = (*forms.rows(table), *forms.phone_rows())
    rows = (
        {name: value for name, value in msgspec.to_builtins(row).items() if name != "on_x86"}
        for row in every
    )
    decided = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(decided).encode()).hexdigest()


def age(digests: Iterable[str]) -> Age:
    """Age of the table behind a result: "earlier" if any row was measured with an earlier one."""
    found = set(digests)
    if not found:
        return "unknown"
    return "current" if found == {digest()} else "earlier"
