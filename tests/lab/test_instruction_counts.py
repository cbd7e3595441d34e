"""Instructions of an inference on an Arm core, counted under QEMU, against the committed counts.

They do not depend on this machine or its load, so where 1 % of them changes, the file does. What
counting needs is made here if it is not there; where it cannot be made, the test is skipped.
"""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import arm64_counts
from benchmarks.lib.pages import ROOT
from benchmarks.lib.results.arm64_counts import Counts, change
from benchmarks.lib.results.document import read
from benchmarks.lib.results.files import Candidate
from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab.cost.parts import COUNTING
from slide_mobile.targets import cached_folders

COMMITTED = ROOT / "benchmarks/results/arm64_counts.json"
SECONDS = 120  # to make the parts; the packages have 65 MB
AGAIN = "if that is meant, run python -m benchmarks.arm64_counts and commit its result"

pytestmark = pytest.mark.counts


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts in the cache of the labs if all are there, else in the checkout."""
    if all(part.is_made for part in COUNTING):
        return
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(ROOT / "build/lab"))
    try:
        with at_most(SECONDS):
            for part in COUNTING:
                cached_folders.build(part.root, part.make)
    except (EnvironmentMissing, TimeoutError) as error:
        pytest.skip(f"instructions were not counted: {error}")


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what takes longer; it ends its child processes."""

    def end(*_: object) -> None:
        raise TimeoutError(f"the parts were not made within {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("candidate", arm64_counts.candidates(), ids=lambda found: found.name)
def test_an_inference_takes_the_committed_number_of_instructions(
    candidate: Candidate, parts: None, tmp_path: Path
) -> None:
    (before,) = (
        row
        for row in read(COMMITTED, Counts).rows
        if (row.model, row.precision) == (candidate.model, candidate.precision)
    )
    line = change(before, arm64_counts.counted(candidate, tmp_path))
    assert line is None, f"{line}; {AGAIN}"
