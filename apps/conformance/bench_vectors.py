"""Documents that bench.schema.json accepts, and documents that it refuses."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from statistics_vectors import latencies

from slide_mobile.bench import comparison, device, statistics
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.ratio import Estimate
from slide_mobile.bench.statistics import SustainedPoint

Json = dict[str, Any]


def valid() -> Iterator[tuple[str, Json]]:
    """Give names and documents that are accepted."""
    yield "android", _document("android")
    yield "version-1", _version_1("android")
    yield "everything-a-phone-says", _whole()
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
    yield "web", _page()
    empty = _document("ios")
    yield "no-results", empty | {"results": [], "ratios": [], "ratio_intervals": None}


def invalid() -> Iterator[tuple[str, Json]]:
    """Give names and documents that are refused, each for the one reason in its name."""
    changes: dict[str, Callable[[Json], object]] = {
        "another-schema-version": lambda d: d.update(schema_version=4),
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
        "memory-of-no-kind": lambda d: d["results"][0].update(memory={"kind": "virtual"}),
        "a-share-of-more-than-all": lambda d: d["results"][0].update(
            placement=[{"device": "gpu", "share": 1.5}]
        ),
        "a-charge-of-more-than-all": lambda d: d["results"][0].update(
            fitness=_FIT | {"charge_percent": 101}
        ),
    }
    for name, change in changes.items():
        document = _document("android")
        change(document)
        yield name, document
    unexplained = _compared()
    unexplained["comparisons"][0]["valid"] = False
    yield "no-ratio-without-a-reason", unexplained


_FIT = {
    "power_saver": False, "charge_percent": 80, "charging": False, "thermal": "nominal",
    "debuggable": False, "emulator": False, "waited_seconds": 12.5, "why_unfit": [],
}  # fmt: skip


def _whole() -> Json:
    """A sustained run on an NPU that fell back to the CPU, with all that an app can say of it."""
    document = _document("android")
    curve = [{"second": at, "p50_ms": 5.0 + 0.0625 * at, "runs": 190} for at in range(20)]
    points = [SustainedPoint(**point) for point in curve]
    document["results"][0] |= {
        "accelerator_requested": "npu", "accelerator_used": None, "threads": None,
        "sustained": curve,
        "endurance": msgspec.to_builtins(device.endurance(points, "fair")),
        "fitness": _FIT,
        "memory": {
            "kind": "pss", "base_bytes": 41943040, "peak_bytes": 83886080,
            "graphics_bytes": 4194304,
        },
        "conversion": {
            "kind": "npu", "compile_ms": None, "cold_load_ms": 812.5, "warm_load_ms": 20.25,
            "cached": False, "bytes": 1048576, "os_build": "BP4A.251205.006", "key": "ab" * 32,
        },
        "placement": [{"device": "npu", "share": 0.75}, {"device": "cpu", "share": 0.25}],
        "accelerator_precision": "fp16",
        "fingerprint": {"equal_to_cpu": True, "max_abs": 0.0, "cpu_ms": 5.0, "own_ms": 5.25},
        "valid": False,
        "why_invalid": ["npu gives the CPU's outputs, to the last bit, at the CPU's speed"],
    }  # fmt: skip
    return document


def _page() -> Json:
    """What a page says of a GPU, whose browser tells little of the device."""
    document = _document("web")
    document["environment"] |= {
        "cpu": "",
        "memory_bytes": None,
        "runtimes": {"LiteRT.js": "2.5.3", "Chromium": "150.0"},
    }
    document["results"][0] |= {
        "runtime": "LiteRT.js 2.5.3", "accelerator_requested": "webgpu",
        "accelerator_used": "webgpu", "threads": None, "peak_rss_bytes": None,
        "thermal_before": "unknown", "thermal_after": "unknown", "accelerator_precision": "fp16",
        "fingerprint": {"equal_to_cpu": False, "max_abs": 0.03125, "cpu_ms": 9.0, "own_ms": 5.0},
    }  # fmt: skip
    return document


def _version_1(source: str) -> Json:
    """What the apps wrote before."""
    document = _document(source) | {"schema_version": 1}
    del document["comparisons"]
    document["results"][0]["p99_ms"] = statistics.percentile(
        document["results"][0]["samples_ms"], 99
    )
    return document


def _compared() -> Json:
    """What a host writes: two artifacts that took turns, one twice as slow as the other."""
    document = _document("host")
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
            "schema_version": 3,
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
            "comparisons": [],
        }
    )
