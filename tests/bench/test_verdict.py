"""Which latencies are believed, and what follows from them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from slide_mobile.bench import statistics, verdict
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.conditions import Conditions
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import Loaded, Timed
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.statistics import Turns
from slide_mobile.bench.verdict import Measured

BUSY = Conditions(doubts=("busy",))
QUIET = Timed(turns={}, wall=10.0, cpu=9.9, others=0.1, stolen=0.0)


def session(timed: Timed | None, *loaded: Loaded) -> Session:
    return Session(
        loaded={one.number: one for one in loaded}, failures={}, timed=timed, amx=False,
        finished=True,
    )  # fmt: skip


def timed(**changes: object) -> Timed:
    given = {"turns": {}, "wall": 10.0, "cpu": 9.9, "others": 0.1, "stolen": 0.0} | changes
    return Timed(**given)


def loaded(**changes: object) -> Loaded:
    given = {"number": 0, "runtime": "r 1", "suite": ("r", "1"), "fresh": True, "load_ms": 3.0}
    return Loaded(**given | {"first_ms": 2.0, "warm_ms": 1.0} | changes)


def measured(
    *turns: Turns, target: str = "tflite", backend: str = "xnnpack", load: Loaded | None = None
) -> Measured:
    manifest = SimpleNamespace(
        model=SimpleNamespace(name="m"), target=target, backend=backend, precision="fp16",
        graph=SimpleNamespace(partitions=0, delegated_ops=0, total_ops=1),
    )  # fmt: skip
    artifact = SimpleNamespace(manifest=manifest, root=Path("a"), manifest_sha256="0" * 64)
    return Measured(
        artifact=artifact, loaded=(load or loaded(),), turns=dict(enumerate(turns)),
        cpu_turns=dict(enumerate(turns)),
    )  # fmt: skip


def steady(ms: float, count: int = 20) -> Turns:
    return [[ms]] * count


@pytest.mark.parametrize(
    ("target", "backend", "accelerator"),
    [("coreml", "mlprogram", "all"), ("executorch", "coreml", "all"), ("tflite", "xnnpack", "cpu")],
)
def test_core_ml_chooses_where_it_computes(target: str, backend: str, accelerator: str) -> None:
    found = verdict.result(measured(target=target, backend=backend), BenchConfig())
    assert found.accelerator_requested == accelerator
    assert found.accelerator_used == (None if accelerator == "all" else "cpu")
    assert found.threads == (None if accelerator == "all" else 1)


def test_processes_that_differ_are_a_reason() -> None:
    alike, other = steady(5.0, 9), steady(5.6, 9)
    assert verdict.processes_differ([alike, steady(5.25, 9)]) == ()
    (reason,) = verdict.processes_differ([alike, other])
    assert reason == "processes differ: medians from 5 to 5.6 ms"


def test_a_result_holds_the_samples_of_all_sessions_and_what_follows_from_them() -> None:
    found = verdict.result(measured(steady(5.0), steady(5.1)), BenchConfig(warm_up=7))
    assert found.valid and found.runs == 40 and found.seconds == pytest.approx(0.202)
    assert found.p50_ms == statistics.median(found.samples_ms) and found.warmup_runs == 7
    assert (found.first_ms, found.load_ms, found.runtime) == (2.0, 3.0, "r 1")


def test_every_doubt_makes_a_result_invalid() -> None:
    one = measured(steady(5.0), steady(7.0))
    meanwhile = Conditions(doubts=("others were busy",), before="nominal", after="serious")
    found = verdict.result(one, BenchConfig(), meanwhile)
    assert (found.thermal_before, found.thermal_after) == ("nominal", "serious")
    assert not found.valid
    words = ("spread", "throttled", "others were busy", "processes differ")
    for word in words:
        assert any(word in reason for reason in found.why_invalid), word


def test_what_nothing_here_runs_has_no_latency() -> None:
    load = loaded(first_ms=None, warm_ms=None)
    found = verdict.result(measured(load=load), BenchConfig(), BUSY)
    assert found.why_invalid == ("no latency: r 1",)
    assert found.p50_ms is found.load_ms is found.first_ms is found.threads is None
    assert found.runs == found.warmup_runs == 0


def test_load_time_and_memory_are_those_of_a_fresh_process() -> None:
    fresh = loaded(load_ms=4.0, base_rss_bytes=100, peak_rss_bytes=200)
    later = loaded(load_ms=1.0, fresh=False)
    sessions = [session(QUIET, fresh), session(QUIET, later)]
    found = verdict.result(Measured.gather(0, measured().artifact, sessions), BenchConfig())
    assert (found.load_ms, found.base_rss_bytes, found.peak_rss_bytes) == (4.0, 100, 200)


def test_turns_are_gathered_by_session() -> None:
    sessions = [
        session(timed(turns={0: ((1.0,),)}), loaded()),
        session(None, loaded()),
        session(timed(turns={0: ((2.0,),), 1: ((9.0,),)}, cpu_turns={0: ((1.9,),)}), loaded()),
    ]
    found = Measured.gather(0, measured().artifact, sessions)
    assert found.turns == {0: ((1.0,),), 2: ((2.0,),)} and found.samples == (1.0, 2.0)
    assert found.cpu_turns == {2: ((1.9,),)}


def pair(first: Measured, second: Measured, **config: int) -> Comparison:
    """The second over the first."""
    (found,) = verdict.compared([first, second], BenchConfig(**config))
    assert (found.of, found.over) == (1, 0)
    return found


def test_a_ratio_is_of_turns_in_the_same_process() -> None:
    levels = [5.0 + number for number in range(10)]
    first = measured(*map(steady, levels))
    second = measured(*[steady(2 * ms) for ms in levels])
    assert not verdict.result(first, BenchConfig()).valid
    found = pair(first, second)
    assert found.valid and found.clock.ratio == pytest.approx(2)
    assert found.cpu == found.clock and len(found.clock.processes) == 10


def test_only_processes_that_timed_both_are_compared() -> None:
    first = measured(*[steady(5.0)] * 12)
    second = replace(measured(*[steady(5.0)] * 13), turns={at: steady(5.0) for at in range(3, 20)})
    assert len(pair(first, second).clock.processes) == 9
    assert pair(first, second).why_invalid == ("9 processes are fewer than 10",)
    apart = replace(second, turns={at: steady(5.0) for at in range(11, 20)})
    assert verdict.compared([first, apart], BenchConfig()) == ()


def test_cpu_time_counts_on_one_thread_of_our_own_only() -> None:
    ours, apples = measured(*[steady(5.0)] * 10), measured(*[steady(5.0)] * 10, target="coreml")
    assert pair(ours, ours).cpu is not None
    assert pair(ours, ours, threads=2).cpu is None
    assert pair(ours, apples).cpu is pair(apples, ours).cpu is None
    assert pair(ours, replace(ours, cpu_turns={})).cpu is None


def test_clocks_that_contradict_each_other_leave_no_answer() -> None:
    first = measured(*[steady(5.0)] * 10)
    slower = measured(*[steady(5.5)] * 10)
    found = pair(first, replace(slower, cpu_turns=first.cpu_turns))
    assert not found.valid and "1.100 to 1.100 by the clock" in found.why_invalid[0]


def test_what_has_no_latency_is_compared_with_nothing() -> None:
    assert verdict.compared([measured(*[steady(5.0)] * 10), measured()], BenchConfig()) == ()
