"""Write the vectors that Python, Swift and Kotlin must agree on: README.md says what they mean.

    python apps/conformance/make.py [FOLDER]

They are what slide_mobile computes; tests/bench/test_conformance.py makes them anew and compares.
"""

import copy
import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # a test loads this file by its path
import artifact_vectors

from slide_mobile import preprocess
from slide_mobile.bench import statistics
from slide_mobile.parity import metrics

Json = dict[str, Any]
Pixels = NDArray[np.uint8]  # (H, W, 3)
ORIENTATION = 0x0112  # EXIF


def make(folder: Path) -> None:
    """Write every vector below the folder."""
    save(folder / "statistics.json", statistics_vectors())
    save(folder / "verify.json", verify_vectors())
    save(folder / "words.json", words())
    save(folder / "headless.json", headless())
    save(folder / "manifests.json", artifact_vectors.manifests())
    save(folder / "indexes.json", artifact_vectors.indexes())
    save(folder / "paths.json", artifact_vectors.paths())
    save(folder / "ppm.json", artifact_vectors.golden_images())
    resize_vectors(folder / "resize")
    for kind, documents in (("valid", valid_documents()), ("invalid", invalid_documents())):
        for name, document in documents:
            save(folder / "bench" / kind / f"{name}.json", document)


def save(path: Path, document: Json) -> None:
    """One line a case: small, and a change shows where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = {key: value for key, value in document.items() if isinstance(value, list)}
    if "schema_version" in document:
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return
    blocks = [
        f"{json.dumps(key)}: [\n"
        + ",\n".join(json.dumps(c, allow_nan=False) for c in cases)
        + "\n]"
        for key, cases in lists.items()
    ]
    path.write_text("{" + ",\n".join(blocks) + "}\n", encoding="utf-8")


def statistics_vectors() -> Json:
    """`summaries`, `ratios` and `sustained`."""
    return {
        "summaries": [_summary_case(*case) for case in _series()],
        "ratios": [_ratio_case(medians) for medians in ([4.0, 5.0], [4.0, None, 3.0], [None], [])],
        "sustained": [
            _sustained_case(samples) for samples in (_drawn(60, 200.0), _drawn(7, 990.0))
        ],
    }


def _series() -> Iterator[tuple[str, list[float], str, str]]:
    """Name, samples, heat before and after."""
    steady = _drawn(50, 5.0)
    yield "steady", steady, "nominal", "fair"
    yield "even number of runs", _drawn(30, 3.0), "unknown", "unknown"
    yield "odd number of runs", _drawn(31, 3.0), "unknown", "unknown"
    yield "all equal", [2.5] * 40, "nominal", "nominal"
    yield "too few runs", steady[:29], "nominal", "nominal"
    yield "one run", [7.25], "unknown", "unknown"
    yield "three runs have no quarters", [7.0, 7.25, 7.5], "unknown", "unknown"
    yield "a spread of just under 10 %", [10.0] * 44 + [10.99] * 6, "fair", "fair"
    yield "a spread of just over 10 %", [10.0] * 44 + [11.01] * 6, "fair", "fair"
    yield "rare and far outliers are no spread", [10.0] * 57 + [50.0] * 3, "fair", "fair"
    yield "slower by a little less than 10 %", [10.0] * 30 + [10.99] * 10, "fair", "fair"
    yield "slowed down", [10.0] * 41 + [11.5] * 19, "nominal", "fair"
    climbing = [round(10 + 0.026 * run, 6) for run in range(60)]
    yield "slowed down bit by bit, within the spread", climbing, "nominal", "fair"
    yield "faster at the end is no slowdown", [11.5] * 19 + [10.0] * 41, "nominal", "nominal"
    yield "throttled", steady, "nominal", "serious"
    yield "hot from the start", steady, "serious", "serious"
    yield "cooled down", steady, "critical", "fair"
    yield "unknown, then hot", steady, "unknown", "critical"
    yield "everything at once", [1.0] * 15 + [1.625] * 14, "fair", "critical"


def _summary_case(name: str, samples: list[float], before: Any, after: Any) -> Json:
    found = statistics.summary(samples)
    reasons = statistics.why_invalid(samples, before=before, after=after)
    return {
        "name": name,
        "samples_ms": samples,
        "thermal_before": before,
        "thermal_after": after,
        **vars(found),
        "spread": found.spread,
        "slowdown": statistics.slowdown(samples),
        "valid": not reasons,
        "why_invalid": reasons,
    }


def _ratio_case(medians: list[float | None]) -> Json:
    return {"p50_ms": medians, "ratios": statistics.ratios(medians)}


def _sustained_case(samples: list[float]) -> Json:
    ends = np.cumsum(np.asarray(samples) + 0.5) / 1e3  # half a millisecond between two
    curve = statistics.by_second(ends.tolist(), samples)
    points = msgspec.to_builtins(curve)
    return {"end_seconds": ends.tolist(), "samples_ms": samples, "sustained": points}


def _drawn(count: int, around: float) -> list[float]:
    drawn = around * (1 + 0.02 * np.random.default_rng(count).standard_gamma(2.0, count))
    return [round(float(value), 6) for value in drawn]


def verify_vectors() -> Json:
    """`cases`: logits of the manifest and of the app, the dB between them, the verdict."""
    draw = np.random.default_rng(0)
    reference = draw.normal(0, 3, 16).astype(np.float32)
    near = reference + draw.normal(0, 0.03, 16).astype(np.float32)
    far = reference + draw.normal(0, 0.9, 16).astype(np.float32)
    changed = near.copy()
    changed[5] += 4
    nan, inf, zeros = near.copy(), near.copy(), np.zeros(16, np.float32)
    nan[3], inf[7] = np.nan, -np.inf
    exact = metrics.sqnr_db(reference, near)
    return {
        "cases": [
            _verify_case("near", reference, near, 20.0),
            _verify_case("just over the floor", reference, near, exact - 1e-6),
            _verify_case("just under the floor", reference, near, exact + 1e-6),
            _verify_case("far", reference, far, 20.0),
            _verify_case("one golden logit changed", reference, changed, 20.0),
            _verify_case("equal to the last bit", reference, reference, 90.0),
            _verify_case("nothing but zeros, equal", zeros, zeros, 90.0),
            _verify_case("the reference is zero, the output is not", zeros, near, 20.0),
            _verify_case("the output is zero", reference, zeros, 20.0),
            _verify_case("not a number", reference, nan, 20.0),
            _verify_case("infinite", reference, inf, 20.0),
            _verify_case("one logit", reference[:1], near[:1], 20.0),
        ]
    }


def _verify_case(name: str, reference: Any, output: Any, floor: float) -> Json:
    db = metrics.sqnr_db(reference, output)
    # The cap of parity/metrics.py stands for no noise at all, and for what has no dB.
    return {
        "name": name,
        "reference": [float(x) for x in reference],
        "output": [float(x) if math.isfinite(x) else str(x) for x in output],
        "min_sqnr_db": floor,
        "sqnr_db": db if abs(db) < metrics.EXACT_DB else None,
        "passed": db >= floor,
    }


def words() -> Json:
    """What both apps write in the same words: `runtimes`, `stopped` and `accelerators`."""
    runtimes = (("LiteRT", "2.2.0"), ("ExecuTorch", "1.4.1"), ("Core ML", "18.0"))
    stopped = (0.0, 0.25, 0.35, 3.1415, 59.96)
    used = (("executorch", "cpu, XNNPACK"), ("tflite", "cpu"))
    return {
        "runtimes": [{"name": n, "version": v, "runtime": f"{n} {v}"} for n, v in runtimes],
        "stopped": [{"seconds": s, "reason": f"stopped after {s:.1f} s"} for s in stopped],
        "accelerators": [{"target": t, "accelerator_used": u} for t, u in used],
    }


def headless() -> Json:
    """What a script may ask of both apps, in words: `understood` and `refused`."""
    usual = {
        "artifacts": [], "accelerator": None, "threads": None, "warmup": 5, "runs": 50,
        "seconds": 3.0, "sustained": False, "ab": False, "verify": False,
        "out": "measurement.json",
    }  # fmt: skip
    return {
        "understood": [{"asked": asked, **usual, **means} for asked, means in _understood()],
        "refused": [{"asked": [asked], "why": why, "out": out} for asked, why, out in _refused()],
    }


def _understood() -> Iterator[tuple[list[tuple[str, str]], Json]]:
    """Names and texts, and what of a request is not as usual."""
    yield [], {}
    yield [("artifact", "a")], {"artifacts": ["a"]}
    two = [("artifact", "a-tflite-int8"), ("artifact", "b.c+d")]
    yield two, {"artifacts": ["a-tflite-int8", "b.c+d"]}
    yield [*two, ("ab", "1")], {"artifacts": ["a-tflite-int8", "b.c+d"], "ab": True}
    yield [("ab", "0"), ("verify", "0")], {}
    yield [("verify", "1"), ("out", "my run.json")], {"verify": True, "out": "my run.json"}
    yield [("accelerator", "gpu"), ("threads", "64")], {"accelerator": "gpu", "threads": 64}
    yield (
        [("warmup", "0"), ("runs", "1"), ("seconds", "0")],
        {"warmup": 0, "runs": 1, "seconds": 0.0},
    )
    yield [("runs", "1000000"), ("seconds", "2.5")], {"runs": 1_000_000, "seconds": 2.5}
    yield [("warmup", "10000"), ("seconds", "3.6e3")], {"warmup": 10_000, "seconds": 3600.0}
    # Instead of runs and seconds.
    sustained = {"runs": 1, "seconds": 60.0, "sustained": True}
    yield [("sustained", "60")], sustained
    yield [("sustained", "60.0"), ("runs", "500"), ("seconds", "5")], sustained


def _refused() -> Iterator[tuple[tuple[str, str], str, str | None]]:
    """Name and text, how the refusal begins, and the file of an earlier start that goes."""
    known = "artifact, accelerator, threads, warmup, runs, seconds, sustained, ab, verify, out"
    for name in ("acelerator", "Runs"):
        yield (name, "1"), f"{name} is not known, only {known}", "measurement.json"
    for name in ("artifact", "accelerator"):
        yield (name, ""), f"{name} is empty: name one, or leave it out", "measurement.json"
    numbers = (
        ("threads", "a whole number from 1 to 64", ("0", "65", "-1", "four")),
        ("warmup", "a whole number from 0 to 10000", ("-1", "10001")),
        ("runs", "a whole number from 1 to 1000000", ("0", "50.0", "1e3", " 9", "9" * 20)),
        ("seconds", "a number from 0 to 3600", ("-1", "3601", "nan", "inf", "Infinity", "1d", "")),
        ("sustained", "a number from 1 to 3600", ("0", "0.5", "1e999", "true")),
        ("ab", "a whole number from 0 to 1", ("2", "true", "")),
        ("verify", "a whole number from 0 to 1", ("-1", "yes")),
    )
    for name, what, texts in numbers:
        for text in texts:
            yield (name, text), f"{name}={text} is not {what}", "measurement.json"
    for text in ("", "x.txt", ".json", ".x.json", "../x.json", "a/b.json"):
        why = "is not a file name that ends in .json, with no / in it and no dot before it"
        yield ("out", text), f"out={text} {why}", None


def resize_vectors(folder: Path) -> None:
    """`cases` in cases.json, with the pixels beside it, or drawn by `lcg`."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, pixels, orientation, size in _pictures():
        cases.append(_resize_case(folder, name, pixels, orientation, size))
    for height, width, target in ((601, 803, (224, 224)), (480, 640, (96, 160))):
        case = _resize_case(None, f"lcg-{width}x{height}", lcg(height, width, 1), 6, target)
        cases.append(case | {"lcg_seed": 1})
    save(folder / "cases.json", {"cases": cases})


def lcg(height: int, width: int, seed: int) -> Pixels:
    """Pixels that need no file: state = state * 1664525 + 1013904223 mod 2^32, its top byte."""
    state, drawn = seed, bytearray()
    for _ in range(height * width * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        drawn.append(state >> 24)
    return np.frombuffer(bytes(drawn), np.uint8).reshape(height, width, 3)


def _pictures() -> Iterator[tuple[str, Pixels, int, tuple[int, int]]]:
    """Name, pixels as stored, EXIF orientation, (height, width) wanted."""
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", _noise(23, 37), orientation, (16, 24)
    yield "down", _noise(61, 97), 1, (32, 32)
    yield "up", _noise(5, 7), 1, (32, 32)
    yield "one-pixel", _noise(1, 1), 1, (16, 16)
    yield "one-row", _noise(1, 50), 1, (16, 16)
    yield "one-column", _noise(50, 1), 1, (16, 24)
    yield "wide", _noise(20, 150), 1, (32, 48)
    yield "tall-turned", _noise(20, 111), 5, (48, 32)
    yield "exact", _noise(16, 24), 1, (16, 24)
    yield "exact-once-upright", _noise(24, 16), 8, (16, 24)
    yield "exact-only-as-stored", _noise(16, 24), 6, (16, 24)
    yield "nearly-exact", _noise(33, 32), 1, (32, 32)
    rows, columns = np.indices((47, 64))
    edges = np.where((rows // 5 + columns // 7) % 2, 255, 0).astype(np.uint8)
    yield "edges-that-overshoot", np.stack([edges, 255 - edges, edges // 2], -1), 1, (40, 40)
    ramp = np.stack([4 * columns, 5 * rows, 255 - 4 * columns], -1).clip(0, 255).astype(np.uint8)
    yield "ramp", ramp, 1, (20, 20)


def _noise(height: int, width: int) -> Pixels:
    draw = np.random.default_rng(height * 1000 + width)
    return draw.integers(0, 256, (height, width, 3), dtype=np.uint8)


def _resize_case(
    folder: Path | None, name: str, pixels: Pixels, orientation: int, size: tuple[int, int]
) -> Json:
    expected = _loaded(pixels, orientation, size)
    if folder is not None:
        (folder / f"{name}.rgb").write_bytes(pixels.tobytes())
        (folder / f"{name}.expected.rgb").write_bytes(expected.tobytes())
    return {
        "name": name,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "orientation": orientation,
        "target_height": size[0],
        "target_width": size[1],
        "pixels": None if folder is None else f"{name}.rgb",
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "expected": None if folder is None else f"{name}.expected.rgb",
        "expected_sha256": hashlib.sha256(expected.tobytes()).hexdigest(),
    }


def _loaded(pixels: Pixels, orientation: int, size: tuple[int, int]) -> Pixels:
    """As slide_mobile loads it from a file."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "image.png"
        Image.fromarray(pixels).save(path, exif=exif)
        return preprocess.load(path, size)


def valid_documents() -> Iterator[tuple[str, Json]]:
    """Documents that bench.schema.json accepts."""
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
    empty = _document("ios")
    yield "no-results", empty | {"results": [], "ratios": [], "ratio_intervals": None}


def invalid_documents() -> Iterator[tuple[str, Json]]:
    """Documents that it refuses, each for the one reason in its name."""
    changes: dict[str, Callable[[Json], object]] = {
        "another-schema-version": lambda d: d.update(schema_version=2),
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


def _document(source: str) -> Json:
    samples = _drawn(50, 5.0)
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


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
