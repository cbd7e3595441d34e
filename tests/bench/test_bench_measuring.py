"""Measurements on real runtimes: what is recorded, what is not believed, and what fails alone."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from converted_once import ConvertedOnce

from slide_mobile import models
from slide_mobile.artifact.documents import encode
from slide_mobile.bench import BenchConfig, BenchDocument, documents, measure, sessions
from slide_mobile.bench.baseline import Baseline, compare
from slide_mobile.errors import GateFailed, UsageError

PHONE = Path(__file__).parents[2] / "apps/conformance/bench/valid/android.json"
QUICK = BenchConfig(min_runs=32, min_seconds=0.05, max_seconds=0.0)


@pytest.fixture(scope="session")
def tflite(converted: ConvertedOnce) -> Path:
    return converted("tflite", "fp32").root


@pytest.fixture(scope="module")
def document(converted: ConvertedOnce) -> BenchDocument:
    targets = ("tflite", "executorch", "onnx", "coreml")
    roots = [converted(target, "fp32").root for target in targets]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "SESSIONS", 4)
        return measure(roots, config=dataclasses.replace(QUICK, profile=True))


@pytest.mark.slow
def test_every_runtime_here_is_measured(document: BenchDocument) -> None:
    assert [result.target for result in document.results] == [
        "tflite", "executorch", "onnx", "coreml",
    ]  # fmt: skip
    for result in document.results[:3]:
        assert result.runs >= 32 and result.seconds >= 0.05
        assert result.threads == 1 and result.accelerator_used == "cpu"
        assert 0 < result.p50_ms <= result.p90_ms
        assert result.first_ms > 0 and result.load_ms > 0
        assert result.peak_rss_bytes > result.base_rss_bytes > 1e7
    assert document.environment.runtimes.keys() == {
        "coremltools", "executorch", "litert", "onnxruntime",
    }  # fmt: skip


@pytest.mark.slow
def test_what_was_measured_can_be_read_again(document: BenchDocument, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_bytes(encode(document))
    assert documents.read(tmp_path / "bench.json") == document


@pytest.mark.slow
def test_an_evaluation_is_no_latency_and_stands_in_no_ratio(document: BenchDocument) -> None:
    evaluated = document.results[3]
    assert not evaluated.valid and evaluated.p50_ms is None and evaluated.runs == 0
    assert evaluated.why_invalid == ("no latency: mil_evaluator: evaluated, not run on Apple "
                                     "hardware",)  # fmt: skip
    assert [row[3] for row in document.ratios] == [None] * 4


@pytest.mark.slow
def test_a_ratio_is_of_turns_in_each_process_by_both_clocks(document: BenchDocument) -> None:
    assert [(pair.of, pair.over) for pair in document.comparisons] == [(1, 0), (2, 0), (2, 1)]
    for pair in document.comparisons:
        assert len(pair.clock.processes) == len(pair.cpu.processes) == 4
        assert not pair.valid and pair.why_invalid[0] == "4 processes are fewer than 10"
        low, high = pair.clock.interval
        assert low <= pair.clock.ratio <= high
        assert document.ratio_intervals[pair.over][pair.of] == pytest.approx((1 / high, 1 / low))


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 2], ids=["tflite", "onnx"])
def test_the_profile_names_the_modules_of_pytorch(number: int, document: BenchDocument) -> None:
    operations = document.results[number].operations
    found = {operation.module for operation in operations}
    model = models.create("slide_swin_test")
    paths = {path for path, _ in model.named_modules()}
    linears = {path for path, m in model.named_modules() if path.endswith((".fc1", ".fc2"))}
    assert linears <= found
    known = {module for module in found if any(module.startswith(p) for p in paths if p)}
    assert len(known) > 0.9 * len(found)
    assert sum(operation.microseconds for operation in operations) > 0


@pytest.mark.slow
def test_a_runtime_without_a_profiler_says_so(document: BenchDocument) -> None:
    for number, word in ((1, "XNNPACK profiler"), (3, "Xcode")):
        assert document.results[number].operations is None
        assert word in document.results[number].why_no_operations


@pytest.mark.slow
def test_two_of_the_same_are_equal_or_not_believed(tflite: Path, tmp_path: Path) -> None:
    twin = shutil.copytree(tflite, tmp_path / "twin")
    document = measure([tflite, twin], config=BenchConfig(min_seconds=1.0, max_seconds=0.0))
    ratio = document.ratios[0][1]
    (pair,) = document.comparisons
    assert len(pair.clock.processes) == len(pair.cpu.processes) == 10
    assert (ratio is None) == bool(pair.why_invalid)
    assert ratio is None or 0.98 <= ratio <= 1.02


@pytest.mark.slow
def test_what_is_damaged_or_kills_its_process_fails_alone(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = shutil.copytree(tflite, tmp_path / "damaged")
    (damaged / "model.tflite").write_bytes(b"no model")
    older = shutil.copytree(tflite, tmp_path / "older")
    plain = json.loads((older / "manifest.json").read_text()) | {"schema_version": 3}
    (older / "manifest.json").write_text(json.dumps(plain))
    deadly = shutil.copytree(tflite, tmp_path / "deadly")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, given):\n"
        "    if event == 'open' and 'measuring_process' in ' '.join(sys.orig_argv):\n"
        "        if 'deadly' in str(given[0]):\n"
        "            os.write(2, b'its last words\\n')\n"
        "            os._exit(9)\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sessions, "SESSIONS", 2)
    roots = [damaged, deadly, tmp_path / "nothing", older, tflite]
    document = measure(roots, config=QUICK)
    assert not document.passed
    assert [result.artifact for result in document.results] == [str(tflite)]
    errors = {Path(failure.artifact).name: failure.error for failure in document.failed}
    assert errors.keys() == {"damaged", "deadly", "nothing", "older"}
    assert "model.tflite" in errors["damaged"]
    assert "ended with status 9: its last words" in errors["deadly"]
    assert "is not an artifact folder" in errors["nothing"]
    assert "schema 3 is not 5" in errors["older"]
    with pytest.raises(GateFailed, match=r"model\.tflite"):
        measure([damaged], config=QUICK)


@pytest.mark.slow
def test_phones_stand_beside_the_host_and_a_baseline_judges(
    document: BenchDocument, tflite: Path
) -> None:
    # What this machine is worth while tests run is another matter: the comparison is the thing.
    fast = msgspec.structs.replace(
        document.results[0], valid=True, why_invalid=(), samples_ms=(1e-3,) * 50, runs=50,
        p50_ms=1e-3, p90_ms=1e-3, p99_ms=None, mean_ms=1e-3, thermal_after="nominal",
    )  # fmt: skip
    earlier = msgspec.structs.replace(
        document, results=(fast,), ratios=((1.0,),), ratio_intervals=None, comparisons=()
    )
    baseline = Baseline(file=Path("bench.json"), document=earlier)
    config = BenchConfig(min_runs=32, min_seconds=0.05, imports=(PHONE,))
    found = measure([tflite], config=config)
    found = msgspec.structs.replace(found, baseline=compare(found, baseline))
    assert found.imported == (documents.read(PHONE),)
    here, phone = found.baseline.changes
    assert not found.passed and not found.baseline.passed and not here.passed
    assert phone.passed and phone.why == "no earlier measurement"


def test_nothing_asked_for_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to do: give artifact folders"):
        measure([])


def test_the_only_artifact_s_error_is_raised(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not an artifact folder"):
        measure([tmp_path])


def test_the_only_import_s_error_is_raised(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(GateFailed, match=r"bad\.json is not a measurement: it is not JSON"):
        measure([], config=BenchConfig(imports=(tmp_path / "bad.json",)))


def test_what_cannot_be_imported_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    found = measure([], config=BenchConfig(imports=(PHONE, tmp_path / "bad.json")))
    assert not found.passed and found.imported == (documents.read(PHONE),)
    (failure,) = found.failed
    assert failure.artifact == str(tmp_path / "bad.json") and "is not JSON" in failure.error


def test_a_broken_artifact_does_not_hide_what_a_phone_measured(tmp_path: Path) -> None:
    found = measure([tmp_path / "none"], config=BenchConfig(imports=(PHONE,)))
    assert len(found.imported) == 1 and found.results == ()
    assert [failure.artifact for failure in found.failed] == [str(tmp_path / "none")]


def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"\xff")
    found = measure([root], config=BenchConfig(imports=(PHONE,)))
    (tmp_path / "x.json").write_bytes(encode(found))
    assert documents.read(tmp_path / "x.json") == found
