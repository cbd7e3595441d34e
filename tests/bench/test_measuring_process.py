"""What one measuring process does with what it has loaded."""

import io
import os
import time

import numpy as np
import pytest

from slide_mobile.bench import amx, host, measuring_process, messages
from slide_mobile.bench.messages import ProfileRequest, TimingRequest


def test_others_are_seen_at_work() -> None:
    if host.activity() is None:
        pytest.skip("no /proc/stat")
    before, after = host.activity(), host.activity()
    assert after.busy >= before.busy > 0
    others, stolen, _ = measuring_process.disturbance(before, after, cpu=0.0)
    assert others >= 0 and stolen >= 0


def test_a_machine_that_does_not_count_says_nothing() -> None:
    assert measuring_process.disturbance(None, None, cpu=1.0) == (None, None, None)


def test_what_this_process_did_itself_is_no_disturbance() -> None:
    before = host.Activity(busy=100.0, stolen=1.0, throttled=2)
    after = host.Activity(busy=110.0, stolen=1.5, throttled=5)
    assert measuring_process.disturbance(before, after, cpu=7.0) == (3.0, 0.5, 3)
    uncounted = host.Activity(busy=110.0, stolen=1.5, throttled=None)
    assert measuring_process.disturbance(before, uncounted, cpu=20.0) == (0.0, 0.5, None)


def asked(*, turns: int, seconds: float) -> TimingRequest:
    return TimingRequest(artifacts=(), threads=1, warm_up=1, turns=turns, seconds=seconds, seed=3)


def test_a_fast_one_is_run_several_times_in_its_turn() -> None:
    calls = {0: lambda: sum(range(2000)), 1: lambda: None}
    found = measuring_process.timed(calls, {0: 1, 1: 4}, asked(turns=7, seconds=0.0))
    assert np.shape(found.turns[0]) == (7, 1) and np.shape(found.turns[1]) == (7, 4)
    assert found.wall > 0


def test_each_gets_its_seconds() -> None:
    calls = {0: lambda: sum(range(20_000))}
    found = measuring_process.timed(calls, {0: 1}, asked(turns=1, seconds=0.02))
    assert sum(ms for turn in found.turns[0] for ms in turn) >= 20


def test_cpu_time_is_that_of_the_same_runs() -> None:
    calls = {0: lambda: time.sleep(0.01), 1: lambda: sum(range(100_000))}
    found = measuring_process.timed(calls, {0: 1, 1: 2}, asked(turns=3, seconds=0.0))
    assert {n: np.shape(taken) for n, taken in found.cpu_turns.items()} == {0: (3, 1), 1: (3, 2)}
    for number, taken in found.turns.items():
        assert np.all(np.less_equal(found.cpu_turns[number], np.add(taken, 0.5)))
    assert np.median(found.cpu_turns[0]) < 0.5 * np.median(found.turns[0])


def test_a_clock_that_sees_no_time_pass_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "process_time_ns", lambda: 5)
    found = measuring_process.timed({0: lambda: None}, {0: 1}, asked(turns=3, seconds=0.0))
    assert found.cpu_turns is None and len(found.turns[0]) == 3


def test_nothing_is_measured_before_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx, "renounce", lambda: None)  # for the tests after this one
    request = ProfileRequest(artifact=b"nowhere", threads=1)
    reading, writing = os.pipe()
    measuring_process.main(writing, io.BytesIO(messages.encode(request)))
    with os.fdopen(reading, "rb") as lines:
        replies = [messages.decode_reply(line) for line in lines]
    assert [type(reply) for reply in replies] == [messages.Started]
