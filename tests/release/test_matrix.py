"""A release file: what it asks for, what is kept after a crash, what fails alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slide_mobile.artifact.atomic import alone_in
from slide_mobile.artifact.folder import Artifact
from slide_mobile.bench import measure
from slide_mobile.cli import main
from slide_mobile.doctor import diagnosis
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import silent
from slide_mobile.release import cells, matrix, plan
from slide_mobile.report import writing

ROOT = Path(__file__).parents[2]
HEAD = 'jobs = 1\n[[model]]\nname = "slide_swin_test"\nuntrained = true\ninput_size = "64x96"\n'
TFLITE = '[[target]]\nto = "tflite"\nprecisions = ["fp32"]\n'
ONNX = '[[target]]\nto = "onnx"\nprecisions = ["fp32"]\n'
BOTH = '[[target]]\nto = "onnx"\nprecisions = ["fp32", "fp16"]\n'  # converted the fastest
BENCH = "[bench]\nmin_seconds = 0.05\nmin_runs = 32\n"
PHONE = ROOT / "apps/conformance/bench/valid/android.json"


def written(folder: Path, text: str) -> Path:
    path = folder / "release.toml"
    path.write_text(text)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["release", "--quiet", *map(str, arguments)])


def test_the_example_of_the_docs_is_a_plan(tmp_path: Path) -> None:
    text = (ROOT / "docs/release.md").read_text().split("```toml\n")[1].split("```")[0]
    for name in ("slide_swin_t.pth", "imagenet.txt"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("photos", "validation"):
        (tmp_path / name).mkdir()
    shutil.copyfile(PHONE, tmp_path / "bench.json")
    found = plan.read(written(tmp_path, text))
    names = [cell.name for cell in found.cells]
    assert names == [
        f"{model}-{kind}"
        for model in ("slide_swin_demo", "slide_swin_tiny")
        for kind in ("tflite-fp32", "tflite-int8", "executorch-int8", "coreml-fp16")
    ]
    tiny = found.cells[5]
    photos, validation = tmp_path / "photos", tmp_path / "validation"
    assert tiny.convert[:5] == ("slide_swin_tiny", "--to", "tflite", "--precision", "int8")
    assert tiny.convert[-2:] == ("--calibration", str(photos)) and "--images" not in tiny.convert
    assert tiny.check[-2:] == ("--images", str(validation))
    assert found.memory_bytes == 12e9 and found.formats == ("html", "markdown")
    # The largest measured peaks are 1.0 and 2.65 GB (benchmarks/results/targets.json).
    assert found.cells[0].memory_bytes > 1.0e9 and tiny.memory_bytes > 2.65e9


def test_a_changed_input_is_another_cell(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"1")
    text = f'[[model]]\nname = "slide_swin_test"\ncheckpoint = "w.pth"\n{TFLITE}'
    first = plan.read(written(tmp_path, text)).cells[0].fingerprint
    assert plan.read(written(tmp_path, text)).cells[0].fingerprint == first
    assert plan.read(written(tmp_path, text + ONNX)).cells[0].fingerprint == first
    (tmp_path / "w.pth").write_bytes(b"2")
    assert plan.read(written(tmp_path, text)).cells[0].fingerprint != first


def test_the_same_inputs_elsewhere_and_at_another_time_are_the_same_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'[[model]]\nname = "slide_swin_test"\nimages = "photos"\n{TFLITE}'
    found = []
    for name, time_ns in (("a", 10**18), ("b", 2 * 10**18)):
        (tmp_path / name / "photos").mkdir(parents=True)
        (tmp_path / name / "photos/0.png").write_bytes(b"1")
        os.utime(tmp_path / name / "photos/0.png", ns=(time_ns, time_ns))
        found.append(plan.read(written(tmp_path / name, text)).cells[0].fingerprint)
    monkeypatch.chdir(tmp_path / "b")
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    assert len(set(found)) == 1
    (tmp_path / "b/photos/0.png").write_bytes(b"2")
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    real = diagnosis.versions
    monkeypatch.setattr(diagnosis, "versions", lambda target: real(target) | {"torch": "9.9"})
    found.append(plan.read(Path("release.toml")).cells[0].fingerprint)
    assert len(set(found)) == 3


@pytest.mark.parametrize(("free", "budget"), [(0, 0.0), (None, 6e9), (4 * 10**9, 3e9)])
def test_the_budget_is_a_share_of_what_is_free(
    free: int | None, budget: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "free_memory", lambda: free)
    assert plan.read(written(tmp_path, HEAD + TFLITE)).memory_bytes == pytest.approx(budget)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "is not TOML"),
        ("", "has no [[model]]"),
        (HEAD, "has no [[target]]"),
        (HEAD + TFLITE + TFLITE, "asks for slide_swin_test-tflite-fp32 twice"),
        ("job = 2\n" + HEAD + TFLITE, "did you mean 'jobs'?"),
        (HEAD + "precison = 1\n" + TFLITE, "no key in [[model]] of"),
        (HEAD + '[[target]]\nto = "tflit"\nprecisions = ["fp32"]', "did you mean 'tflite'?"),
        (HEAD + '[[target]]\nto = "tflite"', "tflite has no precisions"),
        (HEAD + '[[target]]\nprecisions = ["fp32"]', "a [[target]] has no to"),
        ("[[model]]\nuntrained = true\n" + TFLITE, "release.toml: a [[model]] has no name"),
        (HEAD + '[[target]]\nto = "tflite"\nprecisions = ["int4"]', "named 'int4'"),
        (HEAD + TFLITE + '[bench]\nfail_over = "5%"', "fail_over needs a baseline"),
        (HEAD + TFLITE + '[report]\nformats = ["pdf"]', "no format of the report named 'pdf'"),
        ("memory_gb = 0\n" + HEAD + TFLITE, "memory_gb and jobs are positive"),
        (HEAD + 'checkpoint = "none.pth"\n' + TFLITE, "none.pth is missing"),
        ('[[model]]\nname = "slide_swin_tyni"\n' + TFLITE, "did you mean 'slide_swin_tiny'?"),
        ("out = 5\n" + HEAD + TFLITE, "out is text, not 5"),
        (HEAD.replace("1", "true", 1) + TFLITE, "jobs is a whole number, not True"),
        (HEAD + "checkpoint = 5\n" + TFLITE, "checkpoint is text, not 5"),
        (HEAD + "mean = [0.5, 0.5, 0.5]\n" + TFLITE, "mean is text, not [0.5"),
        ('memory_gb = "8"\n' + HEAD + TFLITE, "memory_gb is a number, not '8'"),
        ("memory_gb = nan\n" + HEAD + TFLITE, "memory_gb and jobs are positive"),
        (HEAD + TFLITE + '[report]\nformats = "html"', "formats is a list, not 'html'"),
        (HEAD + TFLITE + "[report]\nformats = [[1]]", "no format of the report named '[1]'"),
        (HEAD + TFLITE + "[bench]\nmin_runs = 10", "--min-runs must be at least 30"),
        (HEAD + TFLITE + '[bench]\nmin_seconds = "3"', "min_seconds is a number, not '3'"),
        (HEAD + TFLITE + '[bench]\nthreads = "2"', "threads is a whole number, not '2'"),
        (HEAD + TFLITE + "[bench]\nbaseline = 5", "baseline is text, not 5"),
        (HEAD + TFLITE + '[bench]\nbaseline = "b.json"', "b.json is missing"),
        (HEAD + TFLITE + '[bench]\nfail_over = "much"', "takes percent such as 5%, not 'much'"),
        (
            HEAD + TFLITE + '[bench]\nbaseline = "build/release/bench.json"',
            "the baseline is what this release writes",
        ),
    ],
)
def test_a_wrong_file_is_one_line_and_nothing_is_started(
    text: str, message: str, tmp_path: Path
) -> None:
    done = run(written(tmp_path, text))
    assert done.exit_code == 2 and done.stdout == "", done.output
    (line,) = done.stderr.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["release.toml"]


def cell(name: str, gigabytes: float) -> plan.Cell:
    return plan.Cell(
        name=name, model="m", target="t", precision="p", convert=(), check=(), fingerprint="",
        memory_bytes=gigabytes * 1e9,
    )  # fmt: skip


def test_side_by_side_is_what_fits(tmp_path: Path) -> None:
    sizes = {"a": 3.0, "b": 9.0, "c": 2.0, "d": 2.0}
    every = tuple(cell(name, gb) for name, gb in sizes.items())
    asked = plan.Plan(out=tmp_path, memory_bytes=6e9, jobs=4, cells=every, bench=None)
    waiting = [(c, cells.Record(name=c.name, fingerprint="")) for c in every]
    assert [c.name for c, _ in cells._fitting(asked, waiting, [])] == ["a", "c"]
    # What is larger than the budget has the machine for itself.
    assert [c.name for c, _ in cells._fitting(asked, waiting[1:], [])] == ["b"]
    # What was measured counts, not what was guessed.
    known = [(c, cells.Record(name=c.name, fingerprint="", peak_rss_bytes=10**9)) for c in every]
    assert [c.name for c, _ in cells._fitting(asked, known, [])] == ["a", "b", "c", "d"]


@pytest.mark.slow
def test_killed_half_way_it_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "ROUNDS", 2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    file, out = written(tmp_path, HEAD + BOTH + BENCH), tmp_path / "build/release"
    first, second = "slide_swin_test-onnx-fp32", "slide_swin_test-onnx-fp16"
    command = [sys.executable, "-m", "slide_mobile", "release", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if f"convert {second}".encode() in line:
                break
        children = of_this_session(str(out))
        process.send_signal(signal.SIGKILL)
    assert children
    time.sleep(0.5)
    assert not of_this_session(str(out))  # they died with it
    before = times(cells.artifact(out, first))
    done = run(file, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(c["name"], c["state"]) for c in told["cells"]] == [(first, "kept"), (second, "passed")]
    assert times(cells.artifact(out, first)) == before
    assert (out / "report.html").stat().st_size > 1000
    measured = json.loads((out / "bench.json").read_text())
    assert len(measured["results"]) == 2
    timed = []
    monkeypatch.setattr(measure, "bench", lambda roots, **_: (timed.append(roots) or measured, ()))
    again = json.loads(run(file, "--json").stdout)
    assert [c["state"] for c in again["cells"]] == ["kept", "kept"]
    # While tests run beside it this machine may be too busy to be believed.
    assert (timed == []) == all(result["valid"] for result in measured["results"])

    # One that nobody killed, with the same latencies, gives the same report.
    (tmp_path / "whole").mkdir()
    whole = run(written(tmp_path / "whole", HEAD + BOTH + BENCH), "--json")
    assert [c["state"] for c in json.loads(whole.stdout)["cells"]] == ["passed", "passed"]
    (report_of_it,) = (tmp_path / "whole").rglob("report.html")
    assert report_of_it.read_text() == (out / "report.html").read_text()

    # An artifact that is no longer whole is made again, and what cannot be made is listed.
    (cells.artifact(out, second) / "labels.txt").write_text("other\n")
    bad = '[[target]]\nto = "executorch"\nprecisions = ["fp32"]\nbackend = "gpu"\n'
    file.write_text(HEAD + BOTH + bad)
    done = run(file)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: slide_swin_test-executorch-fp32: no backend of executorch")
    assert f"kept    {first}" in done.stdout and f"passed  {second}" in done.stdout
    assert "failed  slide_swin_test-executorch-fp32" in done.stdout
    Artifact.open(cells.artifact(out, second)).verify()


def record(name: str, seal: str = "0") -> cells.Record:
    return cells.Record(name=name, fingerprint="", done=cells.STEPS, manifest_sha256=seal)


def test_a_measurement_is_kept_if_it_is_good_and_of_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = json.loads(PHONE.read_text())
    noisy = json.loads(PHONE.read_text())
    noisy["results"][0] |= {"valid": False, "why_invalid": ["spread of 20.0 % is over 10 %"]}
    partial = good | {"failed": [{"artifact": "b", "error": "died"}]}
    asked = plan.Timing(asked=measure.Asked(), earlier=None, fail_over=5.0)
    of = plan.Plan(out=tmp_path, memory_bytes=1.0, jobs=1, cells=(), bench=asked)
    taken = 0

    def measured(document: dict[str, Any], *seals: str) -> list[tuple[str, str]]:
        errors = tuple(SlideMobileError(item["error"]) for item in document.get("failed", ()))

        def bench_(*_: object, **__: object) -> tuple[dict[str, Any], tuple[SlideMobileError, ...]]:
            nonlocal taken
            taken += 1
            return document, errors

        monkeypatch.setattr(measure, "bench", bench_)
        records = [record("a", seal) for seal in seals]
        return matrix._bench(of, asked, records, force=False, progress=silent)[1]

    for document in (noisy, partial, good):
        measured(document, "0")
    assert taken == 3
    assert measured(good, "0") == [] and taken == 3
    assert measured(partial, "1") == [("b", "died")] and taken == 4
    measured(good, "1")
    monkeypatch.setattr(run.machine, "cpu", lambda: "another")
    measured(good, "1")
    assert taken == 6


def test_a_baseline_of_another_machine_fails_and_the_measurement_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(PHONE.read_text())
    earlier = json.loads(PHONE.read_text())
    earlier["environment"]["device"] = "Pixel 3"
    monkeypatch.setattr(measure, "bench", lambda *_, **__: (document, ()))
    timing = plan.Timing(asked=measure.Asked(), earlier=(Path("b.json"), earlier), fail_over=5.0)
    of = plan.Plan(out=tmp_path, memory_bytes=1.0, jobs=1, cells=(), bench=timing)
    path, failures = matrix._bench(of, timing, [record("a")], force=False, progress=silent)
    assert json.loads(path.read_text()) == document
    ((name, error),) = failures
    assert name == "baseline" and "it was made on: Pixel 3" in error


def test_a_file_that_misses_its_floor_in_the_report_fails_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"folder": "x/a-tflite-fp32", "sqnr_here_db": 12.5, "min_sqnr_db": 90.0}
    rows = (row | {"verdict": "failed"}, row | {"verdict": "passed", "folder": "x/b"})
    monkeypatch.setattr(writing, "write", lambda *_, **__: SimpleNamespace(rows=rows, problems=()))
    of = plan.Plan(out=tmp_path, memory_bytes=1.0, jobs=1, cells=(), bench=None)
    _, failures = matrix._reports(of, [], None, silent)
    assert failures == [
        ("a-tflite-fp32", "its golden images have 12.5 dB here, the floor is 90 dB")
    ]


def test_a_cell_that_was_not_converted_has_no_artifact(tmp_path: Path) -> None:
    failed = cells.Record(name="b", fingerprint="", error="no such backend", exit_code=2)
    done = matrix.Release(
        out=tmp_path, cells=((record("a"), "kept"), (failed, "failed")), bench=None, reports=(),
        failures=(),
    )  # fmt: skip
    found = [cell["artifact"] for cell in done.to_json()["cells"]]
    assert found == [str(cells.artifact(tmp_path, "a")), None]


def test_what_failed_is_told_as_bench_and_embed_tell_it(tmp_path: Path) -> None:
    failures = (("a", "+7.0 % in p50"), ("baseline", "b.json has no measurement of these"))
    done = matrix.Release(
        out=tmp_path, cells=((record("a"), "kept"),), bench=None, reports=(), failures=failures
    )
    found = done.to_json()["failed"]
    assert found == [
        {"artifact": str(cells.artifact(tmp_path, "a")), "error": "+7.0 % in p50"},
        {"artifact": None, "error": "baseline: b.json has no measurement of these"},
    ]


@pytest.mark.parametrize(
    "taken", ["cells", "cells/slide_swin_test-tflite-fp32.convert.json"], ids=["folder", "file"]
)
def test_what_cannot_be_written_is_one_line(taken: str, tmp_path: Path) -> None:
    file, path = written(tmp_path, HEAD + TFLITE), tmp_path / "build/release" / taken
    path.parent.mkdir(parents=True)
    path.touch() if taken == "cells" else path.mkdir()
    done = run(file)
    assert done.exit_code == 2 and done.stdout == "", done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cannot ") and str(path) in line


def test_two_at_once_into_one_folder_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + TFLITE)
    refused = pytest.raises(SlideMobileError, match="another release is writing to")
    with alone_in(tmp_path / "build/release"), refused:
        matrix.release(file)


def times(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def of_this_session(word: str) -> list[Any]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if (
            word in " ".join(words)
            and "release" not in words
            and path.parent.name != str(os.getpid())
        ):
            found.append(words)
    return found
