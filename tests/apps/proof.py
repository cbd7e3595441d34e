"""What could not be proved on this machine, said aloud."""

import os
from typing import NoReturn

import pytest

unproved: list[str] = []


def missing(reason: str) -> NoReturn:
    """Skip this test and say so at the end of the run; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"not proved: {reason}", pytrace=False)
    unproved.append(reason)
    pytest.skip(reason)
