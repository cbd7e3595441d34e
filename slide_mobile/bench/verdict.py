"""From what sessions found to results: which latencies can be trusted, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import ratio, statistics
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.conditions import UNDISTURBED, Conditions
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.messages import Loaded
from slide_mobile.bench.ratio import Estimate
from slide_mobile.bench.result import Result
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.statistics import Turns

ByPlace = Mapping[int, Turns]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One artifact, and what the sessions found of it.

    `turns` are by the session's place, as are `cpu_turns`, the same in CPU time, where the session
    counted it.
    """

    artifact: ArtifactFolder
    loaded: tuple[Loaded, ...]
    turns: ByPlace
    cpu_turns: ByPlace

    @classmethod
    def gather(
        cls, number: int, artifact: ArtifactFolder, sessions: Sequence[Session]
    ) -> "Measured":
        """Collect what all sessions say about the artifact of that number."""
        timed = [(place, s.timed) for place, s in enumerate(sessions) if s.timed is not None]
        return cls(
            artifact=artifact,
            loaded=tuple(s.loaded[number] for s in sessions if number in s.loaded),
            turns={at: found.turns[number] for at, found in timed if number in found.turns},
            cpu_turns={
                at: found.cpu_turns[number]
                for at, found in timed
                if found.cpu_turns is not None and number in found.cpu_turns
            },
        )

    @property
    def on_apple(self) -> bool:
        """Whether Core ML chooses where to compute."""
        return "coreml" in (self.artifact.manifest.target, self.artifact.manifest.backend)

    @property
    def evaluated(self) -> bool:
        """Whether nothing here runs the file, so that it has no latency."""
        return self.loaded[-1].first_ms is None

    @cached_property
    def samples(self) -> tuple[float, ...]:
        """All latencies in milliseconds, in the order in which they were taken."""
        return tuple(ms for turns in self.turns.values() for turn in turns for ms in turn)

    def fresh(self, name: str) -> float | None:
        """The median of a number over the sessions in which this was the first to be loaded."""
        values = [getattr(loaded, name) for loaded in self.loaded if loaded.fresh]
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None


def result(measured: Measured, config: BenchConfig, meanwhile: Conditions = UNDISTURBED) -> Result:
    """The artifact's latencies, and every reason not to trust them."""
    manifest, samples = measured.artifact.manifest, measured.samples
    apple = measured.on_apple
    reasons = _reasons(measured, meanwhile)
    summary = statistics.summary(samples) if samples else None
    return Result(
        artifact=str(measured.artifact.root),
        model=manifest.model.name,
        target=manifest.target,
        precision=manifest.precision,
        manifest_sha256=measured.artifact.manifest_sha256,
        runtime=measured.loaded[-1].runtime,
        accelerator_requested="all" if apple else "cpu",
        accelerator_used=None if apple else "cpu",
        threads=None if apple or measured.evaluated else config.threads,
        warmup_runs=0 if measured.evaluated else config.warm_up,
        runs=len(samples),
        seconds=round(sum(samples) / 1e3, 6),
        p50_ms=None if summary is None else summary.p50_ms,
        p90_ms=None if summary is None else summary.p90_ms,
        p99_ms=None if summary is None else summary.p99_ms,
        mean_ms=None if summary is None else summary.mean_ms,
        first_ms=_rounded(measured.fresh("first_ms")),
        load_ms=None if measured.evaluated else _rounded(measured.fresh("load_ms")),
        peak_rss_bytes=_whole(measured.fresh("peak_rss_bytes")),
        base_rss_bytes=_whole(measured.fresh("base_rss_bytes")),
        partitions=manifest.graph.partitions,
        delegated_ops=manifest.graph.delegated_ops,
        total_ops=manifest.graph.total_ops,
        thermal_before=meanwhile.before,
        thermal_after=meanwhile.after,
        samples_ms=samples,
        valid=not reasons,
        why_invalid=reasons,
        sustained=None,
        verify=None,
    )


def _reasons(measured: Measured, meanwhile: Conditions) -> tuple[str, ...]:
    """Reasons from the samples, from the machine, and from how the processes differ."""
    if measured.evaluated:
        return (f"no latency: {measured.loaded[-1].runtime}",)
    before, after = meanwhile.before, meanwhile.after
    reasons = statistics.why_invalid(measured.samples, before=before, after=after)
    return (*reasons, *meanwhile.doubts, *processes_differ(list(measured.turns.values())))


def processes_differ(sessions: Sequence[Turns]) -> tuple[str, ...]:
    """A reason if the medians of the processes lie further apart than samples may."""
    medians = [statistics.median([ms for turn in turns for ms in turn]) for turns in sessions]
    if not medians or max(medians) <= statistics.MAX_SPREAD * min(medians):
        return ()
    return (f"processes differ: medians from {min(medians):.3g} to {max(medians):.3g} ms",)


def compared(measured: Sequence[Measured], config: BenchConfig) -> tuple[Comparison, ...]:
    """The ratio of each to each one before it, where two processes or more timed both."""
    found = []
    for of, first in enumerate(measured):
        for over, second in enumerate(measured[:of]):
            clock = _estimate(first.turns, second.turns)
            one_core = config.threads == 1 and not (first.on_apple or second.on_apple)
            cpu = _estimate(first.cpu_turns, second.cpu_turns) if one_core else None
            if clock is not None:
                found.append(Comparison.judged(of, over, clock, cpu))
    return tuple(found)


def _estimate(first: ByPlace, second: ByPlace) -> Estimate | None:
    """The ratio of two, from the sessions that timed both; None if there are not two of them."""
    both = sorted(first.keys() & second.keys())
    if len(both) < 2:
        return None
    return Estimate.of([ratio.of_process(first[at], second[at]) for at in both])


def _whole(value: float | None) -> int | None:
    """The value as a whole number."""
    return None if value is None else int(value)


def _rounded(value: float | None) -> float | None:
    """The value to the nanosecond, if it is in milliseconds."""
    return None if value is None else round(value, 6)
