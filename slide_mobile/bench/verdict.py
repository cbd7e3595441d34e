"""From what sessions found to results: which latencies can be trusted, and how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import statistics
from slide_mobile.bench.conditions import UNDISTURBED, Conditions
from slide_mobile.bench.config import BenchConfig
from slide_mobile.bench.documents import Interval
from slide_mobile.bench.messages import Loaded
from slide_mobile.bench.result import Result
from slide_mobile.bench.sessions import Session
from slide_mobile.bench.statistics import Turns

Ratios = tuple[tuple[float | None, ...], ...]
Intervals = tuple[tuple[Interval | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One artifact, and what the sessions found of it; `turns` is by the session's place."""

    artifact: Artifact
    loaded: tuple[Loaded, ...]
    turns: Mapping[int, Turns]

    @classmethod
    def gather(cls, number: int, artifact: Artifact, sessions: Sequence[Session]) -> "Measured":
        """Collect what all sessions say about the artifact of that number."""
        return cls(
            artifact=artifact,
            loaded=tuple(s.loaded[number] for s in sessions if number in s.loaded),
            turns={
                place: session.timed.turns[number]
                for place, session in enumerate(sessions)
                if session.timed is not None and number in session.timed.turns
            },
        )

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
    apple = "coreml" in (manifest.target, manifest.backend)  # Core ML chooses where it computes
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


def compared(measured: Sequence[Measured], results: Sequence[Result]) -> tuple[Ratios, Intervals]:
    """Ratios of all pairs that are valid, if they are certain enough, and the interval of each."""
    places = range(len(results))
    known = {
        (i, j): _interval(measured[i], measured[j])
        for i in places
        for j in range(i)
        if results[i].valid and results[j].valid
    }

    def interval(i: int, j: int) -> Interval | None:
        """The interval of one pair, mirrored from the other half of the table if need be."""
        if i == j:
            return (1.0, 1.0) if results[i].valid else None
        if (found := known.get((max(i, j), min(i, j)))) is None or i > j:
            return found
        low, high = found
        return 1 / high, 1 / low

    medians = [result.p50_ms if result.valid else None for result in results]
    ratios = statistics.ratios(medians)
    unsure = {pair for pair, found in known.items() if not statistics.sure(*found)}
    return (
        tuple(
            tuple(None if (max(i, j), min(i, j)) in unsure else ratios[i][j] for j in places)
            for i in places
        ),
        tuple(tuple(interval(i, j) for j in places) for i in places),
    )


def _interval(a: Measured, b: Measured) -> Interval:
    """The interval of the ratio of two, from the sessions that timed both."""
    both = sorted(set(a.turns) & set(b.turns))
    return statistics.ratio_interval([(a.turns[place], b.turns[place]) for place in both])


def _whole(value: float | None) -> int | None:
    """The value as a whole number."""
    return None if value is None else int(value)


def _rounded(value: float | None) -> float | None:
    """The value to the nanosecond, if it is in milliseconds."""
    return None if value is None else round(value, 6)
