"""Measuring processes: they wait for their turn, and end with the block or by themselves."""

import os
import sys
from pathlib import Path

import pytest

from slide_mobile.bench import processes
from slide_mobile.bench.messages import NotLoaded, ProfileRequest, Started, TimingRequest
from slide_mobile.isolation import subprocesses

NOTHING = ProfileRequest(artifact=b"nowhere", threads=1)


def asked(root: Path) -> TimingRequest:
    return TimingRequest(
        artifacts=((7, os.fsencode(root)),), threads=1, warm_up=1, turns=1, seconds=0.0, seed=0
    )


def test_all_have_started_before_the_first_one_measures(tmp_path: Path) -> None:
    with processes.started([asked(tmp_path), asked(tmp_path)]) as waiting:
        for process in waiting:
            assert isinstance(process._replies[-1], Started)
            assert not any(isinstance(reply, NotLoaded) for reply in process._replies)
        endings = [process.measure() for process in waiting]
    for ending in endings:
        (refused,) = (reply for reply in ending.replies if isinstance(reply, NotLoaded))
        assert refused.number == 7 and "is not an artifact folder" in refused.error
        assert ending.status == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_one_that_is_not_needed_ends_with_the_block() -> None:
    with processes.started([NOTHING]) as (waiting,):
        running = Path(f"/proc/{waiting._process.pid}")
        assert running.exists()
    assert not running.exists()


@pytest.mark.parametrize(
    ("code", "status", "last_words"),
    [
        ("raise SystemExit('no torch')", 1, "no torch"),
        ("import os; os._exit(9)", 9, "it printed nothing"),
        ('import os, sys; os.write(int(sys.argv[1]), b\'{"type": "sta\')', 0, "it printed nothing"),
    ],
)
def test_one_that_dies_before_it_starts_says_why(
    code: str, status: int, last_words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def python(_: str, *arguments: str) -> tuple[list[str], None]:
        return [sys.executable, "-c", code, *arguments], None

    monkeypatch.setattr(subprocesses, "python", python)
    with processes.started([NOTHING]) as (waiting,):
        ending = waiting.measure()
    assert (ending.replies, ending.status, ending.last_words) == ((), status, last_words)
