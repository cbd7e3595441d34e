"""Write the vectors that Python, Swift and Kotlin must agree on: README.md says what they mean.

    python apps/conformance/make.py [FOLDER]

They are what slide_mobile computes; tests/bench/test_conformance.py makes them again and compares.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from slide_mobile.parity import metrics

sys.path.insert(0, str(Path(__file__).parent))  # a test loads this file by its path
import artifact_vectors
import bench_vectors
import device_vectors
import game_loop_vectors
import headless_vectors
import release_vectors
import resize_vectors
import statistics_vectors

Json = dict[str, Any]


def make(folder: Path) -> None:
    """Write every vector below the folder."""
    save(folder / "statistics.json", statistics_vectors.cases())
    save(folder / "device.json", device_vectors.cases())
    save(folder / "releases.json", release_vectors.cases())
    save(folder / "verify.json", verify())
    save(folder / "words.json", words())
    save(folder / "headless.json", headless_vectors.headless())
    save(folder / "game_loops.json", game_loop_vectors.game_loops())
    save(folder / "manifests.json", artifact_vectors.manifests())
    save(folder / "indexes.json", artifact_vectors.indexes())
    save(folder / "paths.json", artifact_vectors.paths())
    save(folder / "ppm.json", artifact_vectors.golden_images())
    save(folder / "resize/cases.json", resize_vectors.cases(folder / "resize"))
    for name, document in bench_vectors.valid():
        save(folder / "bench/valid" / f"{name}.json", document)
    for name, document in bench_vectors.invalid():
        save(folder / "bench/invalid" / f"{name}.json", document)


def save(path: Path, document: Json) -> None:
    """Write one line for each case: small, and a change shows where it is."""
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


def verify() -> Json:
    """Give `cases`: logits of the manifest and of the app, the dB between them, the verdict."""
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
    """Give what both apps write in the same words: `runtimes`, `stopped` and `accelerators`."""
    runtimes = (("LiteRT", "2.2.0"), ("ExecuTorch", "1.4.1"), ("Core ML", "18.0"))
    stopped = (0.0, 0.25, 0.35, 3.1415, 59.96)
    used = (("executorch", "cpu, XNNPACK"), ("tflite", "cpu"))
    return {
        "runtimes": [{"name": n, "version": v, "runtime": f"{n} {v}"} for n, v in runtimes],
        "stopped": [{"seconds": s, "reason": f"stopped after {s:.1f} s"} for s in stopped],
        "accelerators": [{"target": t, "accelerator_used": u} for t, u in used],
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
