"""Documents of an app that was started several times, joined to one with ratios.

An app cannot start itself anew, so a script does (`session=1`, `session=2`, ...), and each process
writes a document. Here they become one by the host's own protocol (`ratio`, `comparison`): the
median over the rounds of a process, the mean over processes, and no ratio that is not sure.
"""

from collections.abc import Iterable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from slide_mobile.bench import comparison, ratio, statistics, verdict
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.documents import SCHEMA_VERSION, BenchDocument
from slide_mobile.bench.ratio import Estimate
from slide_mobile.bench.result import Result

Key = tuple[object, ...]


def joined(documents: Iterable[BenchDocument]) -> tuple[BenchDocument, ...]:
    """The documents, with those of one measurement in several processes joined.

    They belong together if device, system, app and what was measured are the same, and if no two
    have the same number; the others stay as they are.
    """
    groups: dict[Key, dict[int, BenchDocument]] = {}
    alone: list[BenchDocument] = []
    for document in documents:
        session = document.session
        together = {} if session is UNSET else groups.setdefault(_key(document), {})
        if session is UNSET or session.number in together:
            alone.append(document)
        else:
            together[session.number] = document
    parts = [[group[number] for number in sorted(group)] for group in groups.values()]
    return (*alone, *(_join(part) if len(part) > 1 else part[0] for part in parts))


def _key(document: BenchDocument) -> Key:
    """What documents of one measurement share."""
    environment = document.environment
    subjects = tuple(
        (r.artifact, r.manifest_sha256, r.accelerator_requested, r.threads, r.runtime,
         None if r.accelerator_precision is UNSET else r.accelerator_precision)
        for r in document.results
    )  # fmt: skip
    return (
        document.source, environment.device, environment.os, environment.os_version,
        environment.app_version, subjects,
    )  # fmt: skip


def _join(parts: Sequence[BenchDocument]) -> BenchDocument:
    """One document of several processes."""
    places = range(len(parts[0].results))
    results = tuple(_result(place, parts) for place in places)
    comparisons = tuple(_compared(of, over, parts) for of in places for over in range(of))
    ratios, intervals = comparison.tables([r.p50_ms is not None for r in results], comparisons)
    return replace(
        parts[0],
        schema_version=SCHEMA_VERSION,
        results=results,
        ratios=ratios,
        ratio_intervals=intervals,
        comparisons=comparisons,
        session=UNSET,
        failed=tuple(failure for part in parts for failure in part.failed),
    )


def _result(place: int, parts: Sequence[BenchDocument]) -> Result:
    """What all processes say of one artifact."""
    all_of = [part.results[place] for part in parts]
    first, samples = all_of[0], tuple(ms for one in all_of for ms in one.samples_ms)
    summary = statistics.summary(samples) if samples else None
    fresh = [one.results[place] for one in parts if _was_first(one, place)]
    reasons = _reasons(all_of, samples)
    return replace(
        first,
        runs=len(samples),
        seconds=sum(one.seconds for one in all_of),
        p50_ms=None if summary is None else summary.p50_ms,
        p90_ms=None if summary is None else summary.p90_ms,
        p99_ms=None if summary is None else summary.p99_ms,
        mean_ms=None if summary is None else summary.mean_ms,
        first_ms=_median([one.first_ms for one in fresh]),
        load_ms=_median([one.load_ms for one in fresh]),
        thermal_after=all_of[-1].thermal_after,
        samples_ms=samples,
        valid=not reasons,
        why_invalid=reasons,
        sustained=None,
        endurance=UNSET,
    )


def _was_first(document: BenchDocument, place: int) -> bool:
    """Whether this process loaded the artifact before the others."""
    return document.session is not UNSET and document.session.first_loaded == place


def _reasons(all_of: Sequence[Result], samples: Sequence[float]) -> tuple[str, ...]:
    """What speaks against the latencies together: of the device once, of the samples anew."""
    before, after = all_of[0].thermal_before, all_of[-1].thermal_after
    found = statistics.why_invalid(samples, before=before, after=after)
    for one in all_of:
        ours = statistics.why_invalid(
            one.samples_ms, before=one.thermal_before, after=one.thermal_after
        )
        found += [reason for reason in one.why_invalid if reason not in {*ours, *found}]
    turns = [[one.samples_ms] for one in all_of if one.samples_ms]
    return (*found, *verdict.processes_differ(turns))


def _compared(of: int, over: int, parts: Sequence[BenchDocument]) -> Comparison:
    """The ratio of two results: each round of a process had one run of both."""
    found = []
    for part in parts:
        first, second = part.results[of].samples_ms, part.results[over].samples_ms
        rounds = min(len(first), len(second))
        if rounds:
            pair = ([[ms] for ms in first[:rounds]], [[ms] for ms in second[:rounds]])
            found.append(ratio.of_process(*pair))
    return Comparison.judged(of, over, Estimate.of(found), None)


def _median(values: Sequence[float | None]) -> float | None:
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
