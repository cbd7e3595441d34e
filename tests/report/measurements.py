"""Bench documents with numbers made up for the tests."""

import random
from collections.abc import Sequence
from typing import Literal

from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench.documents import BenchDocument, Environment
from slide_mobile.bench.result import GoldenVerification, Operation, Result
from slide_mobile.bench.statistics import SustainedPoint

Source = Literal["host", "ios", "android"]


def document(
    artifacts: Sequence[Artifact],
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
    known = [r.p50_ms if r.valid else None for r in results]
    ratios = tuple(tuple(a / b if a and b else None for b in known) for a in known)
    return BenchDocument(
        schema_version=1,
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
        ratio_intervals=tuple(tuple(r and (0.99 * r, 1.01 * r) for r in row) for row in ratios),
    )


def result(artifact: Artifact, median: float, source: Source, *, valid: bool = True) -> Result:
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
