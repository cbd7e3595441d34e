"""What was measured on this machine, and what could not be proved, said at the end of a run."""

import os
from typing import NoReturn

import pytest

facts: list[str] = []
unproved: list[str] = []


def show(fact: str) -> None:
    """Print a line at the end of the run."""
    facts.append(fact)


def missing(reason: str) -> NoReturn:
    """Skip this test and say so at the end of the run; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"not proved: {reason}", pytrace=False)
    unproved.append(reason)
    pytest.skip(reason)
