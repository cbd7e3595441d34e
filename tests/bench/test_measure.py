"""Measurements on real runtimes: what is told, what is not believed, and what fails alone."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from converted_once import ConvertedOnce

from slide_mobile import models
from slide_mobile.artifact.manifest import seal
from slide_mobile.bench import documents, host, measure, measuring_process
from slide_mobile.bench.measure import Asked, Subject
from slide_mobile.cli import main
from slide_mobile.errors import UsageError

PHONE = Path(__file__).parents[2] / "apps/conformance/bench/valid/android.json"
QUICK = ["--min-runs", "32", "--min-seconds", "0.05", "--quiet"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


@pytest.fixture(scope="session")
def tflite(converted: ConvertedOnce) -> Path:
    return converted("tflite", "fp32").root


@pytest.fixture(scope="session")
def executorch(converted: ConvertedOnce) -> Path:
    return converted("executorch", "fp32").root


@pytest.fixture(scope="module")
def document(tflite: Path, executorch: Path, converted: ConvertedOnce) -> dict[str, Any]:
    onnx, coreml = (converted(target, "fp32").root for target in ("onnx", "coreml"))
    done = run(tflite, executorch, onnx, coreml, "--profile", "--json", *QUICK)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_runtime_here_is_measured_and_its_numbers_hold_together(
    document: dict[str, Any],
) -> None:
    documents.require(document, "host")
    assert [result["target"] for result in document["results"]] == [
        "tflite", "executorch", "onnx", "coreml",
    ]  # fmt: skip
    for result in document["results"][:3]:
        assert result["runs"] >= 32 and result["seconds"] >= 0.05
        assert result["threads"] == 1 and result["accelerator_used"] == "cpu"
        assert 0 < result["p50_ms"] <= result["p90_ms"] <= result["p99_ms"]
        assert result["first_ms"] > 0 and result["load_ms"] > 0
        assert result["peak_rss_bytes"] > result["base_rss_bytes"] > 1e7
    assert set(document["environment"]["runtimes"]) == {
        "coremltools", "executorch", "litert", "onnxruntime",
    }  # fmt: skip


@pytest.mark.slow
def test_an_evaluation_is_no_latency_and_stands_in_no_ratio(document: dict[str, Any]) -> None:
    evaluated = document["results"][3]
    assert not evaluated["valid"] and evaluated["p50_ms"] is None and evaluated["runs"] == 0
    assert evaluated["why_invalid"] == ["no latency: mil_evaluator: evaluated, not run on Apple "
                                        "hardware"]  # fmt: skip
    assert [row[3] for row in document["ratios"]] == [None] * 4


@pytest.mark.slow
def test_ratios_are_of_medians_and_within_their_intervals(document: dict[str, Any]) -> None:
    results, ratios, intervals = (document[k] for k in ("results", "ratios", "ratio_intervals"))
    for i, a in enumerate(results):
        for j, b in enumerate(results):
            both = a["valid"] and b["valid"]
            assert (intervals[i][j] is not None) == both
            if ratios[i][j] is not None:
                assert ratios[i][j] == pytest.approx(a["p50_ms"] / b["p50_ms"])
                assert intervals[i][j][0] <= ratios[i][j] * 1.001
                assert intervals[i][j][1] >= ratios[i][j] * 0.999
                assert intervals[j][i] == pytest.approx([1 / x for x in intervals[i][j][::-1]])


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 2], ids=["tflite", "onnx"])
def test_the_profile_names_the_modules_of_pytorch(number: int, document: dict[str, Any]) -> None:
    found = {row["module"] for row in document["results"][number]["operations"]}
    model = models.create("slide_swin_test")
    paths = {path for path, _ in model.named_modules()}
    linears = {path for path, m in model.named_modules() if path.endswith((".fc1", ".fc2"))}
    assert linears <= found
    known = {module for module in found if any(module.startswith(p) for p in paths if p)}
    assert len(known) > 0.9 * len(found)
    assert sum(row["microseconds"] for row in document["results"][number]["operations"]) > 0


@pytest.mark.slow
def test_a_runtime_without_a_profiler_says_so(document: dict[str, Any]) -> None:
    for number, word in ((1, "XNNPACK's profiler"), (3, "Xcode")):
        assert document["results"][number]["operations"] is None
        assert word in document["results"][number]["why_no_operations"]


@pytest.mark.slow
def test_two_of_the_same_are_equal_or_not_believed(tflite: Path, tmp_path: Path) -> None:
    twin = shutil.copytree(tflite, tmp_path / "twin")
    document, _ = measure.bench([tflite, twin], asked=Asked(runs=60, seconds=0.5))
    ratio = document["ratios"][0][1]
    assert ratio is None or 0.97 <= ratio <= 1.03


@pytest.mark.slow
def test_a_damaged_one_and_one_that_kills_its_process_cost_a_line_each(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = shutil.copytree(tflite, tmp_path / "damaged")
    (damaged / "model.tflite").write_bytes(b"no model")
    older = shutil.copytree(tflite, tmp_path / "older")
    plain = json.loads((older / "manifest.json").read_text()) | {"schema_version": 3}
    plain["manifest_sha256"] = seal(plain)
    (older / "manifest.json").write_text(json.dumps(plain))
    deadly = shutil.copytree(tflite, tmp_path / "deadly")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, given):\n"
        "    if event == 'open' and 'rounds' in ' '.join(sys.orig_argv):\n"
        "        if 'deadly' in str(given[0]):\n"
        "            os.write(2, b'its last words\\n')\n"
        "            os._exit(9)\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(measure, "ROUNDS", 2)
    done = run(damaged, deadly, tmp_path / "nothing", older, tflite, "--json", *QUICK)
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    documents.require(document, "host")
    assert [result["artifact"] for result in document["results"]] == [str(tflite)]
    errors = {Path(item["artifact"]).name: item["error"] for item in document["failed"]}
    assert "was changed after it was certified" in errors["damaged"]
    assert "ended with 9: its last words" in errors["deadly"]
    assert "is not an artifact folder" in errors["nothing"]
    assert "schema 3 is not 4" in errors["older"]
    lines = done.stderr.splitlines()
    for path in (damaged, deadly, tmp_path / "nothing", older):
        assert sum(line.count(str(path)) for line in lines) == 1
    assert len(lines) == 4
    alone = run(damaged, *QUICK)
    assert alone.exit_code == 1 and alone.stdout == "" and len(alone.stderr.splitlines()) == 1


@pytest.mark.slow
def test_threads_that_a_runtime_cannot_have_are_refused(executorch: Path) -> None:
    done = run(executorch, "--threads", 999, *QUICK)
    assert done.exit_code == 2 and "computes on 1 thread or on all" in done.stderr


@pytest.mark.slow
def test_phones_stand_beside_the_host_and_a_baseline_judges(
    document: dict[str, Any], tflite: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "bench.json"
    # What this machine is worth while tests run is another matter: the comparison is the thing.
    first = document["results"][0] | {"valid": True, "why_invalid": []}
    first |= {"samples_ms": [1e-3] * 50, "runs": 50}
    first |= dict.fromkeys(("p50_ms", "p90_ms", "p99_ms", "mean_ms"), 1e-3)
    alone = {"results": [first], "ratios": [[1.0]], "ratio_intervals": None}
    saved.write_text(json.dumps(document | alone))
    done = run(tflite, "--import", PHONE, "--baseline", saved, *QUICK)
    assert done.exit_code == 1
    assert "slide_swin_demo-tflite-int8, Pixel 9: LiteRT 2.2.0" in done.stdout
    assert f"failed  beside {saved}, 5 % slower at most" in done.stdout
    assert "no earlier measurement" in done.stdout


def test_what_was_measured_is_told_though_the_baseline_is_of_others(tmp_path: Path) -> None:
    earlier = json.loads(PHONE.read_text())
    earlier["environment"]["device"] = "Pixel 3"
    (saved := tmp_path / "earlier.json").write_text(json.dumps(earlier))
    done = run("--import", PHONE, "--baseline", saved, "--json", "--quiet")
    assert done.exit_code == 2
    document = json.loads(done.stdout)
    documents.require(document, "host")
    assert len(document["imported"]) == 1 and "baseline" not in document
    (line,) = done.stderr.splitlines()
    assert "has no measurement of these artifacts" in line and "Pixel 3" in line


def test_phones_alone(tmp_path: Path) -> None:
    done = run("--import", PHONE, "--import", PHONE, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    documents.require(document, "host")
    assert document["results"] == [] and len(document["imported"]) == 2
    (tmp_path / "bad.json").write_text("{")
    done = run("--import", PHONE, "--import", tmp_path / "bad.json")
    assert done.exit_code == 1 and "Pixel 9" in done.stdout
    assert "bad.json is not JSON" in done.stderr
    alone = run("--import", tmp_path / "bad.json")
    assert alone.exit_code == 1 and alone.stdout == ""


def test_a_broken_artifact_does_not_hide_what_a_phone_measured(tmp_path: Path) -> None:
    done = run(tmp_path / "none", "--import", PHONE, "--json", "--quiet")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    documents.require(document, "host")
    assert len(document["imported"]) == 1
    assert [item["artifact"] for item in document["failed"]] == [str(tmp_path / "none")]
    (line,) = done.stderr.splitlines()
    assert "is not an artifact folder" in line


def test_a_profile_that_dies_is_told_of_its_artifact(tmp_path: Path) -> None:
    (found,) = measure.profile([tmp_path])
    assert found["operations"] is None
    assert "the process that profiled it ended with 1: " in found["why_no_operations"]
    assert "is not an artifact folder" in found["why_no_operations"]


@pytest.mark.parametrize(
    ("target", "backend", "accelerator"),
    [("coreml", "mlprogram", "all"), ("executorch", "coreml", "all"), ("tflite", "xnnpack", "cpu")],
)
def test_core_ml_chooses_where_it_computes(target: str, backend: str, accelerator: str) -> None:
    graph = SimpleNamespace(partitions=0, delegated_ops=0, total_ops=1)
    manifest = SimpleNamespace(
        model={"name": "m"}, target=target, backend=backend, precision="fp16", graph=graph,
        manifest_sha256="0" * 64,
    )  # fmt: skip
    timed = Subject(number=0, root=Path("a"), artifact=SimpleNamespace(manifest=manifest))
    found = measure._result(timed, Asked(), [], [])
    assert found["accelerator_requested"] == accelerator
    assert found["threads"] == (None if accelerator == "all" else 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give artifacts, or --import FILE.json"),
        (["x", "--fail-over", "5%"], "--fail-over needs a --baseline"),
        (["x", "--baseline", "nowhere.json"], "nowhere.json is missing"),
        (["x", "--baseline", str(PHONE), "--fail-over", "much"], "takes percent such as 5%"),
        (["x", "--min-runs", "10"], "--min-runs must be at least 30"),
        (["x", "--threads", "0"], "--threads must be at least 1"),
        (["x", "--min-seconds", "-1"], "--min-seconds must be a time"),
        (["x"], "is not an artifact folder"),
    ],
)
def test_wrong_calls_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, "--quiet")
    assert done.exit_code == 2 and done.stdout == "" and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def subject(number: int, *, fresh: int = 0) -> Subject:
    return Subject(
        number=number,
        root=Path(str(number)),
        artifact=None,
        fresh=[{}] * fresh,  # type: ignore
    )


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_each_is_the_first_of_a_process_once(count: int) -> None:
    subjects = [subject(number) for number in range(count)]
    orders = []
    for index in range(count):
        order = measure._order(subjects, index)
        order[0].fresh.append({})
        orders.append([s.number for s in order])
    assert sorted(order[0] for order in orders) == list(range(count))
    assert all(sorted(order) == list(range(count)) for order in orders)


QUIET = {"wall": 10.0, "cpu": 9.9, "others": 0.1, "stolen": 0.0}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"others": 1e4}, "other processes took"),
        ({"stolen": 1e4}, "the hypervisor took"),
        ({"cpu": 9.0}, "waited for the processor 10% of the time"),
    ],
)
def test_a_machine_that_was_busy_is_a_reason(changes: dict[str, float], reason: str | None) -> None:
    reasons = measure._reasons([QUIET | changes], Asked())
    assert (reasons == []) if reason is None else (len(reasons) == 1 and reason in reasons[0])
    if "cpu" in changes:  # several threads may wait for each other
        assert measure._reasons([QUIET | changes], Asked(threads=2)) == []


def test_processes_that_differ_are_a_reason() -> None:
    alike, other = np.full((9, 1), 5.0), np.full((9, 1), 5.6)
    assert measure._of_processes([alike, alike * 1.05]) == []
    (reason,) = measure._of_processes([alike, other])
    assert reason == "processes differ: medians from 5 to 5.6 ms"


def test_others_are_seen_at_work() -> None:
    if host.activity() is None:
        pytest.skip("no /proc/stat")
    before, after = host.activity(), host.activity()
    assert after.busy >= before.busy > 0
    assert measuring_process._disturbance(before, after, wall=1.0, cpu=0.0)["others"] >= 0


def test_memory_is_that_of_this_program() -> None:
    if (found := host.resident_bytes()) is None:
        pytest.skip("no /proc")
    now, highest = found
    assert 1e6 < now <= highest


def test_a_fast_one_is_run_several_times_in_its_turn() -> None:
    calls = {0: lambda: sum(range(2000)), 1: lambda: None}
    found = measuring_process.timed(calls, {0: 1, 1: 4}, {"turns": 7, "seconds": 0.0, "seed": 3})
    times = dict(found["times"])
    assert np.shape(times[0]) == (7, 1) and np.shape(times[1]) == (7, 4)
    assert found["wall"] > 0


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("0.0.attn.qkv", "layers.0.blocks.0.attn.qkv"),
        ("0.0.attn.qkv.split", "layers.0.blocks.0.attn.qkv.split"),
        ("layers.0.blocks.1", "layers.0.blocks.1"),
        ("0", "layers.0"),
        ("head", "head"),
        ("(between operations)", "(between operations)"),
        ("", ""),
    ],
)
def test_modules_get_their_paths_in_pytorch(told: str, path: str) -> None:
    names = measuring_process.module_names("slide_swin_test")
    assert measuring_process.named(told, names) == path
    assert measuring_process.module_names("a model of yours") == {}


def test_an_artifact_that_is_whole_is_opened(tmp_path: Path) -> None:
    subjects, failed = measure.opened([tmp_path])
    assert subjects == [] and isinstance(failed[0][1], UsageError)
