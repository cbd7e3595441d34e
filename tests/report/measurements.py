"""Bench documents with numbers made up for the tests."""

import random
from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.bench import comparison, statistics
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.documents import BenchDocument, Environment
from slide_mobile.bench.ratio import Estimate
from slide_mobile.bench.result import GoldenVerification, Operation, Result
from slide_mobile.bench.statistics import SustainedPoint

Source = Literal["host", "ios", "android"]


def document(
    artifacts: Sequence[ArtifactFolder],
    medians_ms: Sequence[float],
    *,
    source: Source = "host",
    device: str = "a machine",
    invalid: Sequence[int] = (),
) -> BenchDocument:
    """Results with a spread of 2 %; those numbered `invalid` were throttled."""
    results = [
        result(artifact, median, source, valid=i not in invalid)
        for i, (artifact, median) in enumerate(zip(artifacts, medians_ms, strict=True))
    ]
    pairs = tuple(
        compared(i, j, medians_ms[i] / medians_ms[j]) for i in range(len(results)) for j in range(i)
    )
    ratios, intervals = comparison.tables([True] * len(results), pairs)
    if source != "host":
        ratios = tuple(
            map(tuple, statistics.ratios([r.p50_ms if r.valid else None for r in results]))
        )
    return BenchDocument(
        schema_version=2 if source == "host" else 1,
        source=source,
        environment=Environment(
            device=device,
            os="Linux",
            os_version="6",
            cpu="a processor",
            cores=2,
            memory_bytes=1 << 34,
            app_version="0.2.0",
            created="2026-11-22T01:02:03Z",
            runtimes={"litert": "2.2.0"},
        ),
        results=tuple(results),
        ratios=ratios,
        ratio_intervals=intervals if source == "host" else None,
        comparisons=pairs if source == "host" else UNSET,
    )


def compared(of: int, over: int, ratio: float, *, spread: float = 0.005) -> Comparison:
    """A ratio that is known to about as much, and a little smaller in CPU time."""
    processes = [ratio * (1 + spread * (place - 4.5) / 4.5) for place in range(10)]
    cpu = Estimate.of([0.999 * one for one in processes])
    return Comparison.judged(of, over, Estimate.of(processes), cpu)


def result(
    artifact: ArtifactFolder, median: float, source: Source, *, valid: bool = True
) -> Result:
    manifest, draw = artifact.manifest, random.Random(0)
    samples = sorted(median * draw.gauss(1, 0.02) for _ in range(101))
    app = source != "host"
    return Result(
        artifact=str(artifact.root),
        model=manifest.model.name,
        target=manifest.target,
        precision=manifest.precision,
        manifest_sha256=artifact.manifest_sha256,
        runtime="a runtime",
        accelerator_requested="cpu",
        accelerator_used=None,
        threads=1,
        warmup_runs=5,
        runs=len(samples),
        seconds=sum(samples) / 1e3,
        p50_ms=samples[50],
        p90_ms=samples[90],
        p99_ms=samples[99],
        mean_ms=sum(samples) / len(samples),
        first_ms=2 * median,
        load_ms=20.0,
        peak_rss_bytes=1 << 26,
        partitions=manifest.graph.partitions,
        delegated_ops=manifest.graph.delegated_ops,
        total_ops=manifest.graph.total_ops,
        thermal_before="nominal",
        thermal_after="nominal" if valid else "serious",
        samples_ms=tuple(draw.sample(samples, len(samples))),
        valid=valid,
        why_invalid=() if valid else ("throttled: from nominal to serious",),
        sustained=sustained(median) if app else None,
        verify=tuple(
            GoldenVerification(file=golden.file, sqnr_db=40.0, passed=True)
            for golden in manifest.golden
        )
        if app
        else None,
        operations=None if app else operations(),
    )


def sustained(median: float) -> tuple[SustainedPoint, ...]:
    return tuple(SustainedPoint(second=s, p50_ms=median + s / 60, runs=9) for s in range(60))


def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(name="CONV", module=f"layers.{i % 5}.fc", microseconds=100.0 / (i + 1))
        for i in range(40)
    )
