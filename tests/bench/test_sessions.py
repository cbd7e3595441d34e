"""Who is loaded first, who is left out, and whose fault it is that a process died."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from slide_mobile.bench import processes, sessions
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import (
    AllLoaded,
    Loaded,
    Loading,
    NotLoaded,
    Reply,
    Started,
    Timed,
    TimingRequest,
)
from slide_mobile.bench.processes import Ending
from slide_mobile.bench.sessions import Session

Answer = Callable[[TimingRequest], Ending]


def loaded(number: int, *, fresh: bool, runs_here: bool = True) -> Loaded:
    first = 2.0 if runs_here else None
    return Loaded(
        number=number, runtime="r", suite=("r", "1"), fresh=fresh, load_ms=1.0, first_ms=first
    )


def answered(request: TimingRequest, *, evaluated: tuple[int, ...] = ()) -> Ending:
    """All goes well; those that are `evaluated` do not run here."""
    numbers = [number for number, _ in request.artifacts]
    replies: list[Reply] = [Started(amx=False)]
    for place, number in enumerate(numbers):
        replies.append(Loading(number=number))
        replies.append(loaded(number, fresh=place == 0, runs_here=number not in evaluated))
    timed = {number: ((1.0,),) for number in numbers if number not in evaluated}
    replies += [AllLoaded(), Timed(turns=timed, wall=1.0, cpu=1.0)]
    return Ending(replies=tuple(replies), status=0, last_words="")


class Waiting:
    """A process that answers when it is told to measure."""

    def __init__(self, measure: Callable[[], Ending]) -> None:
        self.measure = measure


def held(
    monkeypatch: pytest.MonkeyPatch, count: int, answer: Answer, *, finished: int = 10
) -> tuple[list[Session], list[list[int]]]:
    """Sessions until so many have finished, and the order in which each was asked to load."""
    orders: list[list[int]] = []

    def measured(request: TimingRequest) -> Ending:
        orders.append([number for number, _ in request.artifacts])
        return answer(request)

    @contextlib.contextmanager
    def started(requests: Sequence[TimingRequest]) -> Iterator[list[Waiting]]:
        yield [Waiting(partial(measured, request)) for request in requests]

    monkeypatch.setattr(processes, "started", started)
    found: list[Session] = []
    for session in sessions.hold([Path(f"root-{n}") for n in range(count)], BenchConfig()):
        found.append(session)
        if sum(one.finished for one in found) == finished:
            break
    return found, orders


@pytest.mark.parametrize(("count", "expected"), [(1, 2), (2, 10), (3, 10), (12, 12)])
def test_each_is_first_in_a_process_and_as_often_as_the_others(
    count: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions.least(count) == expected
    _, orders = held(monkeypatch, count, answered, finished=expected)
    first = [order[0] for order in orders]
    assert set(first) == set(range(count))
    assert max(map(first.count, range(count))) - min(map(first.count, range(count))) <= 1
    assert all(sorted(order) == list(range(count)) for order in orders)


def test_the_others_are_in_another_order_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    _, orders = held(monkeypatch, 8, answered)
    assert len({tuple(order[1:]) for order in orders}) == 10


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_processes_wait_side_by_side(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    _, orders = held(monkeypatch, 2, answered)
    assert [order[0] for order in orders] == [0, 1] * 5


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_what_nothing_here_runs_is_loaded_once(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    _, orders = held(monkeypatch, 2, lambda request: answered(request, evaluated=(1,)))
    assert [1 in order for order in orders] == [True] + [False] * 9
    alone, orders = held(monkeypatch, 1, lambda request: answered(request, evaluated=(0,)))
    assert len(alone) == len(orders) == 1


def test_one_that_cannot_be_loaded_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: TimingRequest) -> Ending:
        good = answered(request)
        refused = NotLoaded(number=1, error="no such threads", exit_code=2)
        replies = [refused if isinstance(r, Loaded) and r.number == 1 else r for r in good.replies]
        return Ending(replies=tuple(replies), status=0, last_words="")

    found, orders = held(monkeypatch, 2, answer)
    assert [1 in order for order in orders] == [True] + [False] * 9
    assert str(found[0].failures[1]) == "no such threads" and found[0].failures[1].exit_code == 2
    assert all(session.finished for session in found)


def test_a_process_that_dies_while_loading_is_repeated_without_that_artifact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(request: TimingRequest) -> Ending:
        numbers = [number for number, _ in request.artifacts]
        if 2 not in numbers:
            return answered(request)
        replies: list[Reply] = [Started(amx=False)]
        for place, number in enumerate(numbers):
            replies.append(Loading(number=number))
            if number == 2:
                return Ending(replies=tuple(replies), status=9, last_words="its last words")
            replies.append(loaded(number, fresh=place == 0))
        raise AssertionError

    found, orders = held(monkeypatch, 3, answer)
    assert [2 in order for order in orders] == [True] + [False] * 10
    assert [session.finished for session in found] == [False] + [True] * 10
    assert found[0].timed is None and set(found[0].failures) == {2}
    why = "root-2: the process that measured it ended with status 9: its last words"
    assert str(found[0].failures[2]) == why and found[0].failures[2].exit_code == 1


@pytest.mark.parametrize("replies", [(), (Loading(number=0), AllLoaded())])
def test_a_process_that_dies_otherwise_is_the_fault_of_all(
    replies: tuple[Reply, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(replies=replies, status=-9, last_words="without a word")
    found, orders = held(monkeypatch, 2, lambda _: ending)
    assert len(found) == len(orders) == 1 and set(found[0].failures) == {0, 1}


def test_the_sessions_share_the_runs_and_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[TimingRequest] = []

    def answer(request: TimingRequest) -> Ending:
        asked.append(request)
        return answered(request)

    held(monkeypatch, 2, answer)
    assert [request.turns for request in asked] == [5] * 10
    assert sum(request.seconds for request in asked) == pytest.approx(BenchConfig().min_seconds)
    assert {request.warm_up for request in asked} == {5} and len({r.seed for r in asked}) == 10


def test_nothing_to_measure_starts_no_process() -> None:
    assert list(sessions.hold([], BenchConfig())) == []


def test_a_profile_that_dies_says_so_of_its_artifact(tmp_path: Path) -> None:
    found = sessions.profile(tmp_path, threads=1)
    assert found.operations is None and found.why_no_operations is not None
    assert "the process that profiled it ended with status 1: " in found.why_no_operations
    assert "is not an artifact folder" in found.why_no_operations


def test_a_folder_s_name_need_not_be_utf8(tmp_path: Path) -> None:
    (root := tmp_path / os.fsdecode(b"\xff")).mkdir()
    (found,) = sessions.hold([root], BenchConfig())
    assert found.finished and "is not an artifact folder" in str(found.failures[0])
