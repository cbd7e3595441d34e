"""Which runtime runs a file that needs a certain release."""

from typing import Any

from slide_mobile.artifact import releases

Json = dict[str, Any]

_PAIRS = (
    ("1.4.1", "1.4.1"), ("1.4.1", "1.4.0"), ("1.4.1", "1.4.2"), ("1.4.1", "1.5.0"),
    ("1.10.0", "1.9.9"), ("2.0", "1.99.99"), ("1.4", "1.4.0"), ("1.4.0", "1.4"), ("1.4", "1.4.1"),
    ("2.23.0", "2.3.0"), ("1.5.0.dev20261122", "1.5.0"), ("1.4.1+cpu", "1.4.1"), ("17.4", "18"),
    ("18.0", "18"), ("", "1.0"), ("1.0", ""), ("1.0", "new"), ("v1.0", "1.0"),
    ("1.0", "99999999999999999999"), ("1.4.1", "-1"),
)  # fmt: skip


def cases() -> Json:
    """Give `releases`: what an app has, what a file needs, and whether that is enough."""
    return {
        "releases": [
            {"runtime": has, "oldest": needs, "covers": releases.covers(has, needs)}
            for has, needs in _PAIRS
        ]
    }
