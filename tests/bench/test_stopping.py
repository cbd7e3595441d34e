"""How long is measured: until each ratio is known, or the time is up."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slide_mobile.bench import sessions, stopping
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import Loaded, Timed
from slide_mobile.bench.sessions import Session

PATIENT = BenchConfig(max_seconds=1e6)


def artifacts(count: int) -> list[SimpleNamespace]:
    manifest = SimpleNamespace(target="tflite", backend="xnnpack")
    return [SimpleNamespace(manifest=manifest, root=Path(str(number))) for number in range(count)]


def session(latencies: Sequence[float], *, finished: bool = True) -> Session:
    """One process in which each artifact takes the same time in all turns."""
    loaded = {
        n: Loaded(number=n, runtime="r", suite=("r", "1"), fresh=n == 0, load_ms=1.0, first_ms=1.0)
        for n in range(len(latencies))
    }
    timed = Timed(turns={n: ((ms,),) * 5 for n, ms in enumerate(latencies)}, wall=1.0, cpu=1.0)
    return Session(loaded=loaded, failures={}, timed=timed, amx=False, finished=finished)


def held(
    monkeypatch: pytest.MonkeyPatch, coming: Iterator[Session], count: int, config: BenchConfig
) -> tuple[int, list[str]]:
    """How many sessions were held, and what was said meanwhile."""
    said: list[str] = []

    def progress(stage: str, done: float | None = None) -> None:
        assert done is not None and 0 <= done <= 1
        said.append(stage)

    monkeypatch.setattr(sessions, "hold", lambda *_: coming)
    return len(stopping.hold(artifacts(count), config, progress)), said


def noisy(spread: float, *, of: int = 2) -> Iterator[Session]:
    """Sessions in which the ratios differ, as long as anybody asks."""
    draw = np.random.default_rng(0)
    while True:
        yield session(np.exp(spread * draw.standard_normal(of)).tolist())


def test_the_minimum_is_enough_where_processes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    count, said = held(monkeypatch, noisy(0.001), 2, PATIENT)
    assert count == 10
    assert said == [f"measure, session {number} of 10" for number in range(1, 11)]


def test_more_are_held_while_a_ratio_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    count, said = held(monkeypatch, noisy(0.012), 2, PATIENT)
    assert 10 < count < 40
    assert said[10] == "measure, session 11: 1 ratio is uncertain, at most 1e+06 s"


def test_every_pair_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = held(monkeypatch, noisy(0.012, of=3), 3, PATIENT)
    assert said[10].startswith("measure, session 11: 3 ratios are uncertain")


def test_the_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    count, _ = held(monkeypatch, noisy(0.5), 2, BenchConfig(max_seconds=0.0))
    assert count == 10


def test_a_session_that_would_end_too_late_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = iter(range(0, 1000, 5))
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: next(passed)))
    count, _ = held(monkeypatch, noisy(0.5), 2, BenchConfig(max_seconds=60.0))
    assert count == 12


def test_a_session_that_died_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def coming() -> Iterator[Session]:
        yield session([1.0, 1.0], finished=False)
        yield from noisy(0.001)

    assert held(monkeypatch, coming(), 2, PATIENT)[0] == 11


def test_one_alone_is_compared_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held(monkeypatch, noisy(0.5, of=1), 1, PATIENT)[0] == 2


def test_nothing_to_measure_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held(monkeypatch, (one for one in ()), 0, PATIENT) == (0, [])
