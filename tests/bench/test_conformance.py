"""The vectors that the apps are held to: what slide_mobile computes, as stated."""

import hashlib
import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

import slide_mobile

FOLDER = Path(__file__).parents[2] / "apps/conformance"
SCHEMA = json.loads((Path(slide_mobile.__file__).parent / "bench/bench.schema.json").read_text())


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("conformance_make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("conformance")
    module.make(folder)
    return folder


def test_the_vectors_are_what_slide_mobile_computes_today(made: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.suffix in {".json", ".rgb"})
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    kept = content(FOLDER)
    del kept["signatures.json"]  # every signature is another one; it is made when its cases change
    assert content(made) == kept
    assert sum(map(len, kept.values())) < 330_000


@pytest.mark.parametrize("case", read("statistics.json")["summaries"], ids=lambda c: c["name"])
def test_percentiles_are_numpys(case: dict[str, Any]) -> None:
    samples = case["samples_ms"]
    expected = np.percentile(samples, (50, 90, 99))
    found = (case["p50_ms"], case["p90_ms"], case["p99_ms"] or expected[2])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    assert (case["p99_ms"] is None) == (len(samples) < 1000)
    assert case["mean_ms"] == pytest.approx(np.mean(samples), rel=1e-12)


def test_every_reason_against_a_run_has_a_case_on_either_side() -> None:
    cases = read("statistics.json")["summaries"]
    reasons = {reason for case in cases for reason in case["why_invalid"]}
    for start in ("29 runs are fewer", "spread of 10.1 %", "slowed down by", "throttled: from"):
        assert any(reason.startswith(start) for reason in reasons), start
    alone = [case["why_invalid"][0] for case in cases if len(case["why_invalid"]) == 1]
    assert {reason.split()[0] for reason in alone} >= {"29", "spread", "slowed", "throttled:"}
    assert sum(case["valid"] for case in cases) >= 7


@pytest.mark.parametrize("path", sorted(FOLDER.glob("bench/valid/*.json")), ids=lambda p: p.stem)
def test_documents_that_the_schema_accepts(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("bench/invalid/*.json")), ids=lambda p: p.stem)
def test_documents_that_the_schema_refuses(path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)


@pytest.mark.parametrize("case", read("resize/cases.json")["cases"], ids=lambda c: c["name"])
def test_the_stated_rules_give_pillows_bytes(case: dict[str, Any]) -> None:
    pixels = stored(case)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == case["sha256"]
    found = fitted(
        upright(pixels, case["orientation"]), case["target_height"], case["target_width"]
    )
    assert found.shape == (case["target_height"], case["target_width"], 3)
    assert hashlib.sha256(found.tobytes()).hexdigest() == case["expected_sha256"]
    if case["expected"] is not None:
        assert (FOLDER / "resize" / case["expected"]).read_bytes() == found.tobytes()


def test_sustained_points_hold_every_inference() -> None:
    for case in read("statistics.json")["sustained"]:
        assert sum(point["runs"] for point in case["sustained"]) == len(case["samples_ms"])
        assert case["sustained"][-1]["second"] == math.floor(case["end_seconds"][-1])


# apps/conformance/README.md, "From decoded pixels to the input", in plain numpy.


def stored(case: dict[str, Any]) -> NDArray[np.uint8]:
    shape = (case["height"], case["width"], 3)
    if case["pixels"] is not None:
        content = (FOLDER / "resize" / case["pixels"]).read_bytes()
        return np.frombuffer(content, np.uint8).reshape(shape)
    state, content = case["lcg_seed"], bytearray()
    for _ in range(math.prod(shape)):
        state = (1664525 * state + 1013904223) % 2**32
        content.append(state >> 24)
    return np.frombuffer(content, np.uint8).reshape(shape)


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored image's first row and column are where EXIF says: 1 top left, 6 right top..."""
    turned = pixels.transpose(1, 0, 2) if orientation >= 5 else pixels
    rows = slice(None, None, -1 if orientation in {3, 4, 7, 8} else 1)
    columns = slice(None, None, -1 if orientation in {2, 3, 6, 7} else 1)
    return turned[rows, columns]


def fitted(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(pixels.shape[1] / width, pixels.shape[0] / height) * 0.875
    box_w, box_h = width * scale, height * scale
    left, top = (pixels.shape[1] - box_w) / 2, (pixels.shape[0] - box_h) / 2
    across = resampled(pixels, left, left + box_w, width)
    return resampled(across.transpose(1, 0, 2), top, top + box_h, height).transpose(1, 0, 2)


def resampled(rows: NDArray[np.uint8], first: float, end: float, out: int) -> NDArray[np.uint8]:
    """(H, W, 3) -> (H, out, 3)"""
    first, end = np.float32(first), np.float32(end)
    scale = float(end - first) / out
    filter_scale = max(scale, 1.0)
    size, support, columns = rows.shape[1], 2 * filter_scale, []
    for i in range(out):
        centre = float(first) + (i + 0.5) * scale
        lowest = max(0, int(centre - support + 0.5))
        highest = min(size, int(centre + support + 0.5))
        weights = [bicubic((x - centre + 0.5) * (1 / filter_scale)) for x in range(lowest, highest)]
        total = sum(weights)
        fixed = [int(w / total * 2**22 + math.copysign(0.5, w)) for w in weights]
        taken = rows[:, lowest:highest].astype(np.int64)
        columns.append((2**21 + (taken * np.array(fixed)[:, None]).sum(1)) >> 22)
    return np.stack(columns, 1).clip(0, 255).astype(np.uint8)


def bicubic(x: float, a: float = -0.5) -> float:
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0
