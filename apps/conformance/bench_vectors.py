"""Documents that bench.schema.json accepts, and documents that it refuses."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from statistics_vectors import latencies

from slide_mobile.bench import comparison, statistics
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.ratio import Estimate

Json = dict[str, Any]


def valid() -> Iterator[tuple[str, Json]]:
    """Give names and documents that are accepted."""
    yield "android", _document("android")
    phone = _document("ios")
    phone["results"][0] |= {"sustained": [{"second": 0, "p50_ms": 5.0, "runs": 190}]}
    phone["results"][0]["accelerator_used"] = None
    yield "sustained", phone
    evaluated = _document("host")
    evaluated["results"][0] |= {
        "valid": False, "why_invalid": ["evaluated, not run: no latency"], "runs": 0, "seconds": 0,
        "warmup_runs": 0, "samples_ms": [], "threads": None, "peak_rss_bytes": None,
        "p50_ms": None, "p90_ms": None, "p99_ms": None, "mean_ms": None, "first_ms": None,
        "load_ms": None, "verify": None,
    }  # fmt: skip
    evaluated |= {"ratios": [[None]], "ratio_intervals": [[None]]}
    evaluated["failed"] = [{"artifact": "broken", "error": "the manifest is damaged"}]
    yield "nothing-measured", evaluated
    yield "host", _compared()
    empty = _document("ios")
    yield "no-results", empty | {"results": [], "ratios": [], "ratio_intervals": None}


def invalid() -> Iterator[tuple[str, Json]]:
    """Give names and documents that are refused, each for the one reason in its name."""
    changes: dict[str, Callable[[Json], object]] = {
        "another-schema-version": lambda d: d.update(schema_version=3),
        "no-source": lambda d: d.pop("source"),
        "unknown-source": lambda d: d.update(source="windows"),
        "a-name-that-is-not-in-the-schema": lambda d: d["results"][0].update(p50=5.0),
        "no-p99": lambda d: d["results"][0].pop("p99_ms"),
        "valid-without-a-median": lambda d: d["results"][0].update(p50_ms=None),
        "valid-with-a-reason-against-it": lambda d: d["results"][0].update(why_invalid=["no"]),
        "invalid-without-a-reason": lambda d: d["results"][0].update(valid=False),
        "valid-of-too-few-runs": lambda d: d["results"][0].update(runs=29),
        "a-thermal-state-of-no-phone": lambda d: d["results"][0].update(thermal_after="hot"),
        "a-number-as-text": lambda d: d["results"][0].update(p50_ms="5.0"),
        "a-date-without-a-zone": lambda d: d["environment"].update(created="2026-11-22T01:00:00"),
        "a-ratio-of-zero": lambda d: d.update(ratios=[[0]]),
        "no-cores": lambda d: d["environment"].update(cores=0),
    }
    for name, change in changes.items():
        document = _document("android")
        change(document)
        yield name, document
    unexplained = _compared()
    unexplained["comparisons"][0]["valid"] = False
    yield "no-ratio-without-a-reason", unexplained


def _compared() -> Json:
    """What a host writes: two artifacts that took turns, one twice as slow as the other."""
    document = _document("host") | {"schema_version": 2}
    document["results"] += [dict(result, artifact="slower") for result in document["results"]]
    clock = Estimate.of([1.99, 2.0, 2.01, 2.0, 1.995, 2.005, 2.0, 1.99, 2.01, 2.0])
    cpu = Estimate.of([1.995, 2.0, 2.005] * 3 + [2.0])
    pair = Comparison.judged(1, 0, clock, cpu)
    ratios, intervals = comparison.tables([True, True], [pair])
    compared = {"ratios": ratios, "ratio_intervals": intervals, "comparisons": [pair]}
    return document | msgspec.to_builtins(compared)


def _document(source: str) -> Json:
    samples = latencies(50, 5.0)
    result = {
        "artifact": "slide_swin_demo-tflite-int8",
        "model": "slide_swin_demo",
        "target": "tflite",
        "precision": "int8",
        "manifest_sha256": "0123456789abcdef" * 4,
        "runtime": "LiteRT 2.2.0",
        "accelerator_requested": "cpu",
        "accelerator_used": "cpu, XNNPACK",
        "threads": 4,
        "warmup_runs": 5,
        "runs": 50,
        "seconds": 3.25,
        **vars(statistics.summary(samples)),
        "first_ms": 9.5,
        "load_ms": 21.0,
        "peak_rss_bytes": 81264640,
        "partitions": 1,
        "delegated_ops": 120,
        "total_ops": 121,
        "thermal_before": "nominal",
        "thermal_after": "fair",
        "samples_ms": samples,
        "valid": True,
        "why_invalid": [],
        "sustained": None,
        "verify": [
            {"file": "golden/00.ppm", "sqnr_db": 34.5, "passed": True},
            {"file": "golden/01.ppm", "sqnr_db": None, "passed": True},
        ],
    }
    return copy.deepcopy(
        {
            "schema_version": 1,
            "source": source,
            "environment": {
                "device": "Pixel 9",
                "os": "Android",
                "os_version": "16",
                "cpu": "Google Tensor G4",
                "cores": 8,
                "memory_bytes": 12884901888,
                "app_version": "0.1.0",
                "created": "2026-11-22T01:00:00Z",
                "runtimes": {"litert": "2.2.0"},
            },
            "results": [result],
            "ratios": [[1.0]],
            "ratio_intervals": None,
        }
    )
